#include "core/daemon/starter.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "core/daemon/crash_point.hpp"
#include "core/daemon/manifest_json.hpp"
#include "core/move/selection.hpp"
#include "core/move/task_on_node.hpp"
#include "grid/sdk/run_directory.hpp"

namespace grid {
namespace {

// In the work folder; the shim finds it there, for it starts in the run directory.
constexpr const char* stdin_name = ".grid-stdin";

}  // namespace

Starter::Starter(const Config& config, Host& host, Ledger& ledger, Runs& runs, Preflight& preflight,
                 Staging& staging)
    : config_(config),
      host_(host),
      ledger_(ledger),
      runs_(runs),
      preflight_(preflight),
      staging_(staging),
      retry_(host) {}

void Starter::start(const std::string& run, std::int64_t task) {
  if (runs_.pending(run) && begun_.insert(run).second) look(run, task);
}

bool Starter::resume(const ExecutionId& id, const Attempt& attempt) {
  const ActiveTask* task = ledger_.active(id.task);
  if (task == nullptr || attempt.state != AttemptState::starting) return false;
  const auto starts = task->record.detail.find("starts");
  if (starts == task->record.detail.end()) return false;
  const auto found = starts->find(attempt.run);
  if (found == starts->end() || found->value("phase", std::string()) != "sending") return false;
  if (!runs_.remake(*task, attempt, {id.element, attempt.number}, found->value("slots", 1U))) return false;
  // Posted: by then all elements of the run are known.
  host_.post([this, run = attempt.run, number = id.task] { start(run, number); });
  return true;
}

// Files travel to whatever is not the head; on the head they are there.
bool Starter::sends(const std::string& node, const TaskRecord& record) const {
  if (node == config_.head.name) return false;
  return run_options_of(record).staged() || (preflight_.elsewhere(node) && !record.task.stdin_path.empty());
}

RunSpec Starter::spec(const std::string& run, const ActiveTask& task, const Preflight::Passed& passed) const {
  const std::string node = runs_.node(run);
  Task there = preflight_.on_node(node, task.record);
  set_variables(there, passed.variables);
  if (!there.stdin_path.empty() && preflight_.elsewhere(node))
    there.stdin_path = std::string(run_directory::work_folder) + "/" + stdin_name;
  return runs_.spec(run, task, std::move(there),
                    sends(node, task.record) && run_options_of(task.record).staged());
}

void Starter::look(const std::string& run, std::int64_t number) {
  const ActiveTask* task = ledger_.active(number);
  if (task == nullptr) return;
  const std::string node = runs_.node(run);
  Preflight::Wanted wanted;
  wanted.folder = !run_options_of(task->record).staged() && !task->record.task.cwd.empty();
  // Of one named by its path the start itself says what is wrong with it: there is nowhere else to look.
  wanted.program = task->record.task.argv.front().find('/') == std::string::npos;
  if (!preflight_.needed(node, task->record, wanted)) return select(run, number, {});
  retry_.call<Preflight::Passed>(
      [this, node, number, wanted](Done<Preflight::Passed> done) {
        const ActiveTask* found = ledger_.active(number);
        if (found == nullptr) return done(fail(Code::cancelled, "the task is gone"));
        preflight_.look(node, found->record, wanted, std::move(done));
      },
      [this, run, node, number](const Error& error) {
        if (!runs_.pending(run)) return false;
        runs_.say_wait(number, "waits: " + node + " cannot be reached: " + error.message);
        return true;
      },
      [this, run, number](Result<Preflight::Passed> passed) {
        crash_point();
        if (!runs_.pending(run)) return static_cast<void>(begun_.erase(run));
        runs_.say_wait(number, "");
        if (passed) return select(run, number, *passed);
        if (passed.error().code == Code::preflight_failed && passed.error().hint.empty())
          return refuse_folder(run, number, passed.error());
        refuse(run, number, passed.error());
      });
}

void Starter::refuse(const std::string& run, std::int64_t task, const Error& error) {
  begun_.erase(run);
  set_hint(task, error.hint);
  if (error.code == Code::program_not_found) return runs_.end_unstarted(run, error.message);
  runs_.refuse(run, error.message);
}

// The folder is not there: what would take it along, and how much that is.
void Starter::refuse_folder(const std::string& run, std::int64_t number, const Error& error) {
  const ActiveTask* task = ledger_.active(number);
  if (task == nullptr) return;
  auto rules = Staging::rules(config_);
  if (!rules) return refuse(run, number, error);
  host_.work([this, run, number, error, cwd = task->record.task.cwd, rules = *rules] {
    const auto allowed = Staging::may_send_all(cwd);
    const auto manifest = allowed ? make_manifest(cwd, rules) : Result<Manifest>(fail(allowed.error()));
    Error told = error;
    told.hint =
        manifest ? fmt::format("send it along: --in . ({} {}, {})", manifest->entries.size(),
                               manifest->entries.size() == 1 ? "file" : "files", size_text(manifest->bytes))
                 : "send the files that it needs along: --in FILE";
    host_.post([this, run, number, told] { refuse(run, number, told); });
  });
}

void Starter::select(const std::string& run, std::int64_t number, const Preflight::Passed& passed) {
  const ActiveTask* task = ledger_.active(number);
  if (task == nullptr) return;
  const RunOptions options = run_options_of(task->record);
  if (!sends(runs_.node(run), task->record)) {
    begun_.erase(run);
    return go(spec(run, *task, passed));
  }
  auto rules = Staging::rules(config_);
  if (!rules) return refuse(run, number, rules.error());
  host_.work([this, run, number, passed, options, rules = *rules, cwd = task->record.task.cwd] {
    const bool whole = std::find(options.inputs.begin(), options.inputs.end(), ".") != options.inputs.end();
    const auto allowed = whole ? Staging::may_send_all(cwd) : Result<>();
    auto inputs = std::make_shared<Result<Manifest>>(allowed ? select_files(cwd, options.inputs, rules)
                                                             : Result<Manifest>(fail(allowed.error())));
    // Those that come home are known as they are now, to tell later whether they were changed meanwhile.
    StageRules all;
    all.max_bytes = ~std::uint64_t{0};
    std::vector<std::string> known = options.inputs;
    for (const std::string& name : options.outputs) {
      struct stat facts {};
      if (::lstat((cwd + "/" + name).c_str(), &facts) == 0) known.push_back(name);
    }
    auto before = std::make_shared<Result<Manifest>>(Manifest{});
    if (!options.outputs.empty()) *before = select_files(cwd, known, all);
    host_.post([this, run, number, passed, inputs, before] {
      ActiveTask* found = ledger_.active(number);
      if (found == nullptr || !runs_.pending(run)) return static_cast<void>(begun_.erase(run));
      if (!*inputs) return refuse(run, number, (*inputs).error());
      if (!*before) return refuse(run, number, (*before).error());
      Json detail = found->record.detail;
      detail["files"]["in_files"] = (*inputs)->entries.size();
      detail["files"]["in_bytes"] = (*inputs)->bytes;
      detail["manifest"] = manifest_to_json(**before);
      ledger_.set_detail(number, std::move(detail));
      set_phase(number, run, "sending");
      // After the commit: what is begun is written down first.
      ledger_.after_commit([this, run, number, passed, inputs] { send(run, number, passed, **inputs); });
    });
  });
}

void Starter::send(const std::string& run, std::int64_t number, const Preflight::Passed& passed,
                   const Manifest& inputs) {
  crash_point();
  const ActiveTask* task = ledger_.active(number);
  if (task == nullptr || !runs_.pending(run)) return static_cast<void>(begun_.erase(run));
  const Task& asked = task->record.task;
  Staging::Sending what;
  what.task = number;
  what.node = runs_.node(run);
  what.spec = spec(run, *task, passed);
  what.bytes = inputs.bytes;
  for (const ManifestEntry& entry : inputs.entries)
    what.files.push_back({asked.cwd + "/" + entry.path, entry.path});
  if (!asked.stdin_path.empty() && preflight_.elsewhere(what.node))
    what.files.push_back({asked.stdin_path, stdin_name});
  staging_.send(
      what, [this, run] { return runs_.pending(run); },
      [this, run, number, spec = what.spec](Result<> sent) {
        begun_.erase(run);
        if (!runs_.pending(run)) return;
        if (!sent) return refuse(run, number, sent.error());
        set_phase(number, run, "starting");
        ledger_.after_commit([this, run, spec] {
          if (runs_.pending(run)) go(spec);
        });
      });
}

void Starter::go(const RunSpec& spec) { runs_.start(spec); }

void Starter::set_phase(std::int64_t number, const std::string& run, const char* phase) {
  const ActiveTask* task = ledger_.active(number);
  if (task == nullptr) return;
  Json detail = task->record.detail;
  detail["starts"][run] = {{"phase", phase}, {"slots", runs_.slots(run)}};
  ledger_.set_detail(number, std::move(detail));
}

void Starter::set_hint(std::int64_t number, const std::string& hint) {
  const ActiveTask* task = ledger_.active(number);
  if (task == nullptr || hint.empty()) return;
  Json detail = task->record.detail;
  detail["hint"] = hint;
  ledger_.set_detail(number, std::move(detail));
}

}  // namespace grid
