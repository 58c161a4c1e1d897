#include "core/registry/registry.hpp"

#include <algorithm>

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/registry/crash_marker.hpp"
#include "core/registry/crash_verdict.hpp"
#include "core/registry/supervisor.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string sentence(const Error& error) {
  return error.hint.empty() ? error.message : error.message + "; " + error.hint;
}

bool same(const PluginFile& one, const PluginFile& other) {
  return one.kind == other.kind && one.name == other.name;
}

Error twice(const PluginFile& one, const PluginFile& other) {
  return {
      Code::resource_conflict,
      plugin_id(one.kind, one.name) + " is there twice: " + one.path.string() + " and " + other.path.string(),
      "remove one of them",
      {},
      false};
}

}  // namespace

Registry::Registry(RegistryOptions options, Host& host) : options_(std::move(options)), host_(host) {
  if (options_.marker_folder.empty()) return;
  Result<std::vector<std::string>> settled;
  if (auto made = make_private_folder(options_.marker_folder); !made)
    settled = fail(made.error());
  else
    settled = settle_crashes(options_.marker_folder);
  if (settled) {
    for (const std::string& disabled : *settled) log_line(LogLevel::error, "registry", disabled);
    return;
  }
  log_line(LogLevel::warning, "registry", "plugin crashes are not remembered: " + sentence(settled.error()));
  options_.marker_folder.clear();
}

Registry::~Registry() = default;

std::optional<Registry::Refusal> Registry::refusal(const PluginFile& file) const {
  if (!options_.marker_folder.empty())
    if (auto error = disabled_by_crash(options_.marker_folder, plugin_id(file.kind, file.name)))
      return Refusal{PluginState::disabled, std::move(*error)};
  if (auto trusted = check_trusted(file.path); !trusted)
    return Refusal{PluginState::refused, std::move(trusted.error())};
  return std::nullopt;
}

std::vector<PluginStatus> Registry::list() {
  std::vector<PluginStatus> statuses;
  const std::vector<PluginFile> files = find_plugins(options_.folders);
  for (auto file = files.begin(); file != files.end();) {
    const auto next =
        std::find_if(file, files.end(), [&](const PluginFile& other) { return !same(*file, other); });
    std::optional<Refusal> refused = refusal(*file);
    if (next - file > 1) refused = Refusal{PluginState::refused, twice(*file, *(file + 1))};
    const auto open = supervisors_.find({file->kind, file->name});
    if (open != supervisors_.end())
      statuses.push_back(open->second->status());
    else if (refused)
      statuses.push_back(status_of(*file, *refused));
    else
      statuses.push_back({file->kind, file->name, file->path, PluginState::available, {}, {}});
    file = next;
  }
  return statuses;
}

std::vector<PluginStatus> Registry::states() const {
  std::vector<PluginStatus> statuses;
  for (const auto& [key, supervisor] : supervisors_) statuses.push_back(supervisor->status());
  for (const auto& [key, status] : refused_) statuses.push_back(status);
  std::ranges::sort(statuses, {},
                    [](const PluginStatus& status) { return std::tie(status.kind, status.name); });
  return statuses;
}

PluginStatus Registry::status_of(const PluginFile& file, const Refusal& refused) {
  return {file.kind, file.name, file.path, refused.state, sentence(refused.error), {}};
}

Result<PluginFile> Registry::find(Kind kind, std::string_view name) const {
  std::vector<PluginFile> found = find_plugin(options_.folders, kind, name);
  if (found.size() > 1) return fail(twice(found[0], found[1]));
  if (found.size() == 1) return std::move(found[0]);
  std::vector<std::string> names;
  for (const PluginFile& file : find_plugins(options_.folders))
    if (file.kind == kind) names.push_back(file.name);
  const std::string_view near = nearest(name, names);
  const std::string there = names.empty() ? "there is none at all" : "there are: " + joined(names);
  return fail(Code::not_found, "no " + std::string(to_string(kind)) + " plugin '" + std::string(name) + "'",
              near.empty() ? there : "did you mean '" + std::string(near) + "'? " + there);
}

Result<std::shared_ptr<Supervisor>> Registry::supervise(Kind kind, std::string_view name) {
  const Key key(kind, name);
  if (const auto known = supervisors_.find(key); known != supervisors_.end()) return known->second;
  refused_.erase(key);  // it may have been put right since
  const auto file = find(kind, name);
  if (!file) return fail(file.error());
  const auto refuse = [&](Refusal refused) {
    refused_[key] = status_of(*file, refused);
    return fail(std::move(refused.error));
  };
  if (auto refused = refusal(*file)) return refuse(std::move(*refused));
  mark_from_now_on();
  auto supervisor = std::make_shared<Supervisor>(*file, host_, marker_, options_.deadline);
  const auto opened = supervisor->open();
  if (!opened && opened.error().code != Code::plugin_fault)
    return refuse({PluginState::refused, std::move(opened.error())});
  supervisors_[key] = supervisor;
  return supervisor;
}

void Registry::mark_from_now_on() {
  if (marker_ || options_.marker_folder.empty()) return;
  if (auto made = CrashMarker::create(options_.marker_folder))
    marker_ = std::move(*made);
  else
    log_line(LogLevel::warning, "registry", "plugin crashes are not remembered: " + sentence(made.error()));
}

Result<const Descriptor*> Registry::describe(Kind kind, std::string_view name) {
  const auto supervisor = supervise(kind, name);
  if (!supervisor) return fail(supervisor.error());
  return (*supervisor)->open();
}

template <class Running, class Interface>
Result<std::shared_ptr<Running>> Registry::run(Kind kind, std::string_view name, const Options& options) {
  const auto supervised = supervise(kind, name);
  if (!supervised) return fail(supervised.error());
  const std::shared_ptr<Supervisor>& supervisor = *supervised;
  auto made = supervisor->make(options);
  if (!made) return fail(made.error());
  auto plugin = std::dynamic_pointer_cast<Interface>(std::move(*made));
  if (!plugin)
    return fail(Code::plugin_incompatible,
                supervisor->id() + " makes objects that are no " + std::string(to_string(kind)),
                "derive its class from the interface of its kind");
  const auto started = supervisor->fence("start", [&] { return plugin->start(); });
  if (!started) return fail(started.error());
  return std::make_shared<Running>(supervisor, std::move(plugin));
}

Result<std::shared_ptr<RunningPolicy>> Registry::policy(std::string_view name, const Options& options) {
  return run<RunningPolicy, Policy>(Kind::policy, name, options);
}

Result<std::shared_ptr<RunningMetricsSource>> Registry::metrics_source(std::string_view name,
                                                                       const Options& options) {
  return run<RunningMetricsSource, MetricsSource>(Kind::metrics, name, options);
}

Result<std::shared_ptr<RunningRenderer>> Registry::renderer(std::string_view name, const Options& options) {
  return run<RunningRenderer, Renderer>(Kind::renderer, name, options);
}

Result<std::shared_ptr<RunningTransport>> Registry::transport(std::string_view name, const Options& options) {
  return run<RunningTransport, Transport>(Kind::transport, name, options);
}

}  // namespace grid
