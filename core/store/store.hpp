// The durable memory of one daemon: tasks, executions, attempts, run directories, events, decisions. One
// SQLite file, one writer, one thread. Writes happen inside begin() … commit(), which the daemon does once
// per loop turn; what commit() acknowledged survives a power cut (WAL, synchronous FULL).
//
// What must never happen is refused by the statements and the schema themselves, not only by the engine: a
// terminal execution or attempt does not change, and an execution has at most one live attempt.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/text.hpp"
#include "core/engine/execution.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

// What was asked for: one execution, or an array of them.
struct TaskRecord {
  std::int64_t id = 0;
  std::int64_t created_ms = 0;
  std::optional<std::uint32_t> array;  // number of elements; none: a single execution
  std::string pinned_node;             // --on; empty: any
  Task task;
  Json detail = Json::object();  // what else was asked for, and what was staged; of moves: where it ran
  [[nodiscard]] bool moves() const { return detail.contains("pid"); }
  [[nodiscard]] std::uint32_t elements() const { return array.value_or(1); }
};

// A run directory on a node that the head still has to do with.
struct RunRecord {
  std::string name;
  std::int64_t task = 0;
  std::string node;
  std::string nonce;
};

struct EventRecord {
  std::int64_t seq = 0;
  std::int64_t at_ms = 0;
  std::string kind;
  std::string subject;  // execution id, node, or empty
  std::string text;
  Json data = Json::object();
};

struct DecisionRecord {
  std::int64_t seq = 0;
  std::int64_t at_ms = 0;
  Json scan;  // grid/scan/1 without its schema
};

struct StateCounts {
  std::array<std::int64_t, 6> by_state{};  // index: ExecutionState
};

class Store {
 public:
  // Opens or makes the file. storage_failed: unreadable, damaged, made by a newer program (never started
  // empty in silence).
  [[nodiscard]] static Result<Store> open(const std::filesystem::path& path);
  // For a scan without a daemon: no lock is taken and nothing is written.
  [[nodiscard]] static Result<Store> open_read_only(const std::filesystem::path& path);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  [[nodiscard]] const std::string& head_id() const;  // random, made with the store
  Result<> begin();
  Result<> commit();
  void rollback();

  [[nodiscard]] std::int64_t last_task_id() const;  // at open
  Result<> add_task(const TaskRecord& record);
  Result<> set_detail(std::int64_t task, const Json& detail);
  // Inserts or updates the execution, and of its attempts those named by `attempts` (bit n-1: attempt n; the
  // last bit: all from 64 on). internal: an illegal transition.
  Result<> save(const Execution& execution, std::uint64_t attempts);
  Result<> add_run(const RunRecord& record);
  Result<> remove_run(const std::string& name);
  Result<> add_event(const EventRecord& record);
  Result<> add_decision(const DecisionRecord& record);
  Result<> set_memory(const std::string& policy, std::int64_t at_ms, const std::string& memory);
  // Removes finished tasks, events and decisions older than `before_ms`.
  Result<> prune(std::int64_t before_ms);

  [[nodiscard]] Result<TaskRecord> task(std::int64_t id);  // not_found
  [[nodiscard]] Result<std::vector<Execution>> executions(std::int64_t task);
  [[nodiscard]] Result<std::vector<std::int64_t>> unfinished_tasks();
  [[nodiscard]] Result<std::vector<std::int64_t>> recent_tasks(std::int64_t since_ms,
                                                               std::int64_t limit);  // newest first
  [[nodiscard]] Result<std::vector<std::int64_t>> moves(
      std::int64_t limit);  // tasks that are moves, newest first
  [[nodiscard]] Result<StateCounts> counts(std::optional<std::int64_t> task);
  [[nodiscard]] Result<std::vector<RunRecord>> runs();
  // Oldest first: those after `after`, or the last `limit` when it is negative. `subject` empty: all.
  [[nodiscard]] Result<std::vector<EventRecord>> events(std::int64_t after, std::int64_t limit,
                                                        const std::string& subject);
  [[nodiscard]] Result<std::vector<DecisionRecord>> decisions(std::int64_t limit);
  [[nodiscard]] Result<std::string> memory(const std::string& policy);  // empty: none
  [[nodiscard]] std::int64_t last_event_seq() const;                    // at open

 private:
  struct Impl;
  static Result<Store> open_private(const std::filesystem::path& path);
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A task as JSON and back: the body of POST /v1/executions, and what the store keeps.
[[nodiscard]] Json task_to_json(const Task& task);
[[nodiscard]] Result<Task> task_from_json(const Json& json);

}  // namespace grid
