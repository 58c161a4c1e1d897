// The daemon's book of executions: it applies events to them with the pure engine, commits what changed once
// per loop turn, and only then lets effects begin and answers out. Tasks with work left are held in memory;
// finished ones are read from the store. All of it: [loop].
//
// When a commit fails (disk full, read-only) nothing is lost: the changes stay, the ledger is degraded and
// tries again every second, and until then no effect begins and nothing new is accepted.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/step.hpp"
#include "core/store/store.hpp"
#include "grid/sdk/host.hpp"

namespace grid {

// A task that is not finished, with all its executions.
struct ActiveTask {
  TaskRecord record;
  std::vector<Execution> elements;  // by element
  StateCounts counts;
  std::uint32_t next_unplaced = 0;  // elements before it have been placed or ended
  std::string waits_for;            // why the next one could not be placed
};

class Ledger {
 public:
  Ledger(Store store, Host& host);

  using OnEffect = std::function<void(const ExecutionId&, const Effect&)>;
  // `on_effects_done` is called after a batch of effects, for what is best sent together.
  void on_effects(OnEffect on_effect, std::function<void()> on_effects_done);
  void on_event(std::function<void(const EventRecord&)> told);  // after its commit

  // Reads what is unfinished; the caller then applies Restarted to each.
  Result<> load();

  // Committed when it returns. Error: storage_failed, and then nothing was accepted.
  Result<std::int64_t> accept(TaskRecord record, std::vector<Execution> elements,
                              std::vector<Effect> effects = {});
  void apply(const ExecutionId& id, const Event& event);
  // Changes the stored detail of a move.
  void set_detail(std::int64_t task, Json detail);
  void note(std::string kind, std::string subject, std::string text, Json data = Json::object());
  // Another write, in the next commit.
  void write(std::function<Result<>(Store&)> write);
  // Calls `then` after the next commit that works.
  void after_commit(std::function<void()> then);
  // Calls `then` when the execution of that element (none: every one of the task) is terminal and committed;
  // soon if it is. The number is for wait_no_more().
  std::uint64_t when_finished(std::int64_t task, std::optional<std::uint32_t> element,
                              std::function<void()> then);
  void wait_no_more(std::int64_t task, std::uint64_t waiter);

  [[nodiscard]] ActiveTask* active(std::int64_t task);
  [[nodiscard]] std::map<std::int64_t, ActiveTask>& active() { return active_; }
  [[nodiscard]] Execution* find(const ExecutionId& id);
  [[nodiscard]] Store& store() { return store_; }
  [[nodiscard]] const std::string& degraded() const { return degraded_; }
  [[nodiscard]] const StateCounts& counts() const { return counts_; }
  [[nodiscard]] std::int64_t now_ms() const;
  // Commits what is open, now. For a planned stop.
  Result<> flush();

 private:
  struct Dirty {
    std::uint64_t attempts = 0;  // bit n-1: attempt n changed
  };
  void schedule();
  Result<> commit();
  void publish();
  void count(ActiveTask& task, ExecutionState before, ExecutionState after);

  Store store_;
  Host& host_;
  std::map<std::int64_t, ActiveTask> active_;
  StateCounts counts_;
  std::int64_t last_task_ = 0;
  std::int64_t last_event_ = 0;

  std::map<ExecutionId, Dirty> dirty_;
  std::vector<std::function<Result<>(Store&)>> writes_;
  std::vector<EventRecord> events_;
  std::vector<std::pair<ExecutionId, Effect>> effects_;
  std::vector<std::function<void()>> after_commit_;
  std::vector<std::int64_t> maybe_finished_;  // tasks of which an execution ended that somebody waits for
  struct Waiter {
    std::uint64_t id = 0;
    std::optional<std::uint32_t> element;
    std::function<void()> then;
  };
  std::multimap<std::int64_t, Waiter> waiters_;
  std::uint64_t last_waiter_ = 0;
  void wake(std::int64_t task);

  OnEffect on_effect_;
  std::function<void()> on_effects_done_;
  std::function<void(const EventRecord&)> on_event_;
  bool scheduled_ = false;
  std::string degraded_;
  std::unique_ptr<Host::Handle> retry_;
};

// "7", or "7.3" for an element of an array.
[[nodiscard]] std::string id_text(const ExecutionId& id, bool array);

}  // namespace grid
