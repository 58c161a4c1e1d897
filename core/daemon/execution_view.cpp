#include "core/daemon/execution_view.hpp"

#include <algorithm>

#include "core/base/files.hpp"
#include "core/daemon/ledger.hpp"
#include "core/daemon/mover.hpp"
#include "core/daemon/starter.hpp"

namespace grid {
namespace {

using nlohmann::literals::operator""_json_pointer;

Json time_or_null(std::int64_t ms) { return ms == 0 ? Json() : Json(rfc3339_ms(ms)); }

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json attempt_to_json(const Attempt& attempt) {
  Json json{{"number", attempt.number},
            {"node", attempt.node},
            {"kind", std::string(to_string(attempt.kind))},
            {"state", std::string(to_string(attempt.state))},
            {"started_at", time_or_null(attempt.started_ms)},
            {"ended_at", time_or_null(attempt.ended_ms)},
            {"reason", attempt.reason}};
  if (attempt.process) json["pid"] = attempt.process->pid;
  if (attempt.ending) {
    const Ending& ending = *attempt.ending;
    json["exit_code"] = or_null(ending.code);
    json["signal"] = or_null(ending.signal);
    json["error"] = ending.error ? Json(errno_text(*ending.error)) : Json();
    json["core_dumped"] = ending.core_dumped;
    json["user_cpu_seconds"] = or_null(ending.user_cpu_seconds);
    json["system_cpu_seconds"] = or_null(ending.system_cpu_seconds);
    json["max_rss_bytes"] = or_null(ending.max_rss_bytes);
    json["stdout_bytes"] = ending.stdout_bytes;
    json["stderr_bytes"] = ending.stderr_bytes;
    json["leftovers"] = ending.leftovers;
  }
  return json;
}

// What an array and a single execution have in common.
Json base(const TaskRecord& record, bool move) {
  return {{"schema", "grid/execution/1"},
          {"kind", move ? "move" : "run"},
          {"command", bytes_to_json(command_text(record.task.argv))},
          {"argv", bytes_list_to_json(record.task.argv)},
          {"cwd", bytes_to_json(record.task.cwd)},
          {"created_at", rfc3339_ms(record.created_ms)}};
}

// Files that were asked for, and what to do about a refusal.
void add_files(Json& json, const TaskRecord& record) {
  if (const std::string hint = record.detail.value("hint", std::string()); !hint.empty()) json["hint"] = hint;
  if (!run_options_of(record).staged()) return;
  json["files"] = Starter::view(record);
  json["missing_outputs"] = record.detail.value("/files/missing"_json_pointer, Json::array());
}

// The attempt whose ending is the execution's: the newest that ran as a process of ours.
const Attempt* deciding(const Execution& x) {
  for (auto attempt = x.attempts.rbegin(); attempt != x.attempts.rend(); ++attempt)
    if (attempt->kind == AttemptKind::run) return &*attempt;
  return nullptr;
}

}  // namespace

std::string command_text(const std::vector<std::string>& argv) {
  std::string text;
  for (const std::string& argument : argv) {
    if (!text.empty()) text += ' ';
    text += argument;
  }
  return text;
}

Json execution_to_json(const TaskRecord& record, const Execution& x, const IsSimulated& simulated) {
  Json json = base(record, x.move.has_value());
  json["id"] = id_text(x.id, record.array.has_value());
  json["state"] = std::string(to_string(x.state));
  json["reason"] = x.reason;
  json["started_at"] = time_or_null(x.started_ms);
  json["ended_at"] = time_or_null(x.ended_ms);
  json["array"] = Json();
  json["node"] = x.attempts.empty() ? Json() : Json(x.attempts.back().node);
  json["simulated"] = !x.attempts.empty() && simulated(x.attempts.back().node);
  for (const char* name : {"exit_code", "signal", "error"}) json[name] = Json();
  // How it ended is known only when attempts cannot change it any more.
  const Attempt* last = deciding(x);
  if (last != nullptr && last->ending &&
      (terminal(x.state) || x.attempts.back().kind == AttemptKind::resumed)) {
    json["exit_code"] = or_null(last->ending->code);
    json["signal"] = or_null(last->ending->signal);
    if (last->ending->error) {
      json["error"] = errno_text(*last->ending->error);
      json["errno"] = *last->ending->error;
    }
  }
  json["attempts"] = Json::array();
  for (const Attempt& attempt : x.attempts) json["attempts"].push_back(attempt_to_json(attempt));
  if (x.move) json["move"] = Mover::view(record, x);
  add_files(json, record);
  return json;
}

Json array_to_json(const TaskRecord& record, const std::vector<Execution>& elements,
                   const StateCounts& counts, const IsSimulated& simulated) {
  Json json = base(record, false);
  json["id"] = std::to_string(record.id);
  json["array"] = record.elements();
  json["counts"] = counts_to_json(counts);
  const auto count = [&](ExecutionState state) { return counts.by_state[static_cast<std::size_t>(state)]; };
  ExecutionState state = ExecutionState::completed;
  if (count(ExecutionState::running) > 0 ||
      (count(ExecutionState::queued) > 0 && count(ExecutionState::completed) > 0))
    state = ExecutionState::running;
  else if (count(ExecutionState::queued) > 0)
    state = ExecutionState::queued;
  else
    for (const ExecutionState bad :
         {ExecutionState::cancelled, ExecutionState::aborted, ExecutionState::failed})
      if (count(bad) > 0) state = bad;
  json["state"] = std::string(to_string(state));
  json["reason"] = "";
  for (const char* name : {"node", "exit_code", "signal", "error", "started_at", "ended_at"})
    json[name] = Json();
  json["simulated"] = false;
  std::int64_t started = 0;
  std::int64_t ended = 0;
  for (const Execution& x : elements) {
    if (x.started_ms != 0 && (started == 0 || x.started_ms < started)) started = x.started_ms;
    ended = std::max(ended, x.ended_ms);
    if (!x.attempts.empty()) {
      json["node"] = x.attempts.back().node;
      json["simulated"] = json["simulated"].get<bool>() || simulated(x.attempts.back().node);
    }
    // The array's code is that of its first element which failed.
    const Attempt* last = deciding(x);
    if (json["exit_code"].is_null() && json["signal"].is_null() && last != nullptr && last->ending &&
        last->ending->code != 0) {
      json["exit_code"] = or_null(last->ending->code);
      json["signal"] = or_null(last->ending->signal);
      if (last->ending->error) {
        json["error"] = errno_text(*last->ending->error);
        json["errno"] = *last->ending->error;
      }
      json["reason"] = "element " + std::to_string(x.id.element) + ": " + describe(*last->ending);
    }
  }
  json["started_at"] = time_or_null(started);
  if (terminal(state)) {
    json["ended_at"] = time_or_null(ended);
    if (state == ExecutionState::completed) json["exit_code"] = 0;
  }
  json["attempts"] = Json::array();
  return json;
}

Json event_to_json(const EventRecord& event) {
  return {{"seq", event.seq},   {"at", rfc3339_ms(event.at_ms)},
          {"kind", event.kind}, {"subject", event.subject},
          {"text", event.text}, {"data", event.data}};
}

Json counts_to_json(const StateCounts& counts) {
  Json json = Json::object();
  for (std::size_t i = 0; i < counts.by_state.size(); ++i)
    json[std::string(to_string(static_cast<ExecutionState>(i)))] = counts.by_state[i];
  return json;
}

}  // namespace grid
