#include "core/daemon/preflight.hpp"

#include <algorithm>
#include <utility>

#include "core/move/task_on_node.hpp"

namespace grid {
namespace {

constexpr std::chrono::minutes keeps{1};

// Everything that the answer depends on.
std::string key_of(const std::string& node, const ProbeSpec& spec) {
  std::string key = node;
  const auto add = [&key](const std::vector<std::string>& list) {
    for (const std::string& each : list) key.append(1, '\0').append(each);
    key.append("\0\1", 2);
  };
  add(spec.programs);
  add(spec.environment);
  add(spec.inherit);
  add(spec.folders);
  add({spec.setup ? spec.setup->name : std::string()});
  return key;
}

}  // namespace

Preflight::Preflight(const Config& config, Host& host, Nodes& nodes)
    : config_(config), host_(host), nodes_(nodes) {}

bool Preflight::elsewhere(const std::string& node) const {
  return node != nodes_.head() && !nodes_.simulated(node);
}

Task Preflight::on_node(const std::string& node, const TaskRecord& record) const {
  Task task = record.task;
  if (!elsewhere(node)) return task;
  CarriedEnvironment carried = carry_environment(task.environment, run_options_of(record).named);
  task.environment = std::move(carried.environment);
  for (std::string& name : carried.inherit)
    if (std::find(task.inherit.begin(), task.inherit.end(), name) == task.inherit.end())
      task.inherit.push_back(std::move(name));
  if (const auto configured = config_.nodes.find(node); configured != config_.nodes.end())
    task.cwd = path_on_node(task.cwd, configured->second.paths);
  return task;
}

std::optional<EnvironmentSetup> Preflight::setup(const std::string& node, const TaskRecord& record) const {
  const RunOptions options = run_options_of(record);
  if (options.environment == "none") return std::nullopt;
  const auto name = options.environment.empty() ? environment_for(config_, record.task.argv.front())
                                                : std::optional(options.environment);
  const auto found = name ? environment_on(config_, node, *name) : std::nullopt;
  if (!found) return std::nullopt;
  EnvironmentSetup setup;
  setup.name = *name;
  setup.require = found->require;
  setup.path = found->path;
  setup.source = found->source;
  for (const auto& [variable, value] : found->variables)
    if (std::find(options.named.begin(), options.named.end(), variable) == options.named.end())
      setup.variables.push_back(variable + "=" + value);
  return setup;
}

bool Preflight::needed(const std::string& node, const TaskRecord& record, const Wanted& wanted) const {
  return setup(node, record).has_value() || !wanted.marker.empty() || (wanted.folder && elsewhere(node));
}

void Preflight::look(const std::string& node, const TaskRecord& record, const Wanted& wanted,
                     Done<Passed> done) {
  const Task task = on_node(node, record);
  ProbeSpec spec;
  const std::string& program = task.argv.front();
  // Seen from the folder it starts in, which a probe does not enter.
  const bool relative = program.find('/') != std::string::npos && program.front() != '/';
  if (wanted.program && !relative) spec.programs = {program};
  spec.environment = task.environment;
  spec.inherit = task.inherit;
  spec.setup = setup(node, record);
  if (wanted.folder && !task.cwd.empty()) spec.folders = {task.cwd};
  spec.marker = wanted.marker;

  const std::string key = key_of(node, spec);
  const std::chrono::milliseconds now = host_.now().monotonic;
  if (const auto known = known_.find(key);
      wanted.marker.empty() && known != known_.end() && now - known->second.at < keeps)
    return static_cast<void>(
        host_.post([done = std::move(done), passed = known->second.passed] { done(passed); }));
  Link* link = nodes_.link(node);
  if (link == nullptr)
    return done(fail(Code::node_unreachable, node + " cannot be reached: there is no link to it",
                     "see: grid why " + node));
  link->probe(spec, [this, node, spec, key, done = std::move(done)](Result<ProbeReport> report) {
    if (!report) return done(fail(report.error()));
    if (auto verdict = preflight_verdict(node, spec, *report); !verdict) return done(fail(verdict.error()));
    Passed passed;
    if (spec.setup) passed.environment = spec.setup->name;
    passed.variables = report->environment;
    passed.report = std::move(*report);
    const std::chrono::milliseconds at = host_.now().monotonic;
    std::erase_if(known_, [&](const auto& entry) { return at - entry.second.at >= keeps; });
    if (spec.marker.empty()) known_[key] = {node, at, passed};
    done(std::move(passed));
  });
}

void Preflight::forget(const std::string& node) {
  std::erase_if(known_, [&](const auto& entry) { return entry.second.node == node; });
}

}  // namespace grid
