// The end of a task that brings files home: they come first, then its end is told.
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "core/daemon/crash_point.hpp"
#include "core/daemon/manifest_json.hpp"
#include "core/daemon/starter.hpp"

namespace grid {

bool Starter::hold(const ExecutionId& id, std::uint32_t number, const Ending& ending) {
  const ActiveTask* task = ledger_.active(id.task);
  if (task == nullptr || run_options_of(task->record).outputs.empty()) return false;
  const Execution* x = ledger_.find(id);
  const bool newest = x != nullptr && !terminal(x->state) && !x->attempts.empty() &&
                      x->attempts.back().number == number && live(x->attempts.back().state);
  // What never ran has made nothing, and what was cancelled is not wanted.
  if (!newest || x->cancel_requested || ending.error) return false;
  if (collecting_.insert(id).second) collect(id, number, ending);
  return true;
}

void Starter::collect(const ExecutionId& id, std::uint32_t number, const Ending& ending) {
  const ActiveTask* task = ledger_.active(id.task);
  const Attempt& attempt = ledger_.find(id)->attempts.back();
  if (!sends(attempt.node, task->record)) return collect_here(id, number, ending);
  Staging::Fetching what;
  what.task = id.task;
  what.node = attempt.node;
  what.run = attempt.run;
  what.cwd = task->record.task.cwd;
  what.before = manifest_from_json(task->record.detail.value("manifest", Json::array()));
  what.only = run_options_of(task->record).outputs;
  staging_.fetch(
      what,
      [this, id] {
        const Execution* x = ledger_.find(id);
        return x != nullptr && !x->cancel_requested;
      },
      [this, id, number, ending](const Result<Staging::Fetched>& fetched) {
        tell(id, number, ending, fetched);
      });
}

// It ran on the head, in its own folder: the files are there, or are not.
void Starter::collect_here(const ExecutionId& id, std::uint32_t number, const Ending& ending) {
  const TaskRecord& record = ledger_.active(id.task)->record;
  host_.work([this, id, number, ending, cwd = record.task.cwd, outputs = run_options_of(record).outputs] {
    Staging::Fetched fetched;
    for (const std::string& name : outputs) {
      struct stat facts {};
      if (::lstat((cwd + "/" + name).c_str(), &facts) != 0) fetched.missing.push_back(name);
    }
    host_.post([this, id, number, ending, fetched] { tell(id, number, ending, fetched); });
  });
}

void Starter::tell(const ExecutionId& id, std::uint32_t number, const Ending& ending,
                   const Result<Staging::Fetched>& fetched) {
  crash_point();
  collecting_.erase(id);
  const ActiveTask* task = ledger_.active(id.task);
  if (task == nullptr) return;
  Json detail = task->record.detail;
  Json& files = detail["files"];
  if (fetched) {
    files["returned"] = bytes_list_to_json(fetched->returned);
    files["conflicts"] = bytes_list_to_json(fetched->conflicts);
    files["missing"] = bytes_list_to_json(fetched->missing);
    for (const auto& [path, reason] : fetched->refused)
      files["not_returned"].push_back({{"path", bytes_to_json(path)}, {"reason", reason}});
  } else {
    files["missing"] = bytes_list_to_json(run_options_of(task->record).outputs);
    files["problem"] = fetched.error().message;
  }
  detail.erase("manifest");
  ledger_.set_detail(id.task, std::move(detail));
  ledger_.apply(id, event::Ended{number, ending});
}

Json Starter::view(const TaskRecord& record) {
  const RunOptions options = run_options_of(record);
  const Json files = record.detail.value("files", Json::object());
  return {{"in", bytes_list_to_json(options.inputs)},
          {"out", bytes_list_to_json(options.outputs)},
          {"in_files", files.contains("in_files") ? files["in_files"] : Json()},
          {"in_bytes", files.contains("in_bytes") ? files["in_bytes"] : Json()},
          {"returned", files.value("returned", Json::array())},
          {"conflicts", files.value("conflicts", Json::array())},
          {"not_returned", files.value("not_returned", Json::array())},
          {"problem", files.value("problem", std::string())}};
}

}  // namespace grid
