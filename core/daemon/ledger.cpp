#include "core/daemon/ledger.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/daemon/crash_point.hpp"

namespace grid {

std::string id_text(const ExecutionId& id, bool array) {
  return array ? fmt::format("{}.{}", id.task, id.element) : std::to_string(id.task);
}

Ledger::Ledger(Store store, Host& host)
    : store_(std::move(store)),
      host_(host),
      last_task_(store_.last_task_id()),
      last_event_(store_.last_event_seq()) {}

void Ledger::on_effects(OnEffect on_effect, std::function<void()> on_effects_done) {
  on_effect_ = std::move(on_effect);
  on_effects_done_ = std::move(on_effects_done);
}

void Ledger::on_event(std::function<void(const EventRecord&)> told) { on_event_ = std::move(told); }

std::int64_t Ledger::now_ms() const { return host_.now().wall.time_since_epoch().count(); }

Result<> Ledger::load() {
  const auto counts = store_.counts(std::nullopt);
  if (!counts) return fail(counts.error());
  counts_ = *counts;
  const auto tasks = store_.unfinished_tasks();
  if (!tasks) return fail(tasks.error());
  for (const std::int64_t id : *tasks) {
    auto record = store_.task(id);
    if (!record) return fail(record.error());
    auto elements = store_.executions(id);
    if (!elements) return fail(elements.error());
    ActiveTask task{std::move(*record), std::move(*elements), {}, 0, {}};
    for (const Execution& x : task.elements) ++task.counts.by_state[static_cast<std::size_t>(x.state)];
    active_.emplace(id, std::move(task));
  }
  return {};
}

Result<std::int64_t> Ledger::accept(TaskRecord record, std::vector<Execution> elements,
                                    std::vector<Effect> effects) {
  if (!degraded_.empty())
    return fail(Code::storage_failed, "nothing new is accepted: " + degraded_, "see: grid status");
  record.id = last_task_ + 1;
  record.created_ms = now_ms();
  for (Execution& x : elements) x.id.task = record.id;
  const auto write = [&]() -> Result<> {
    if (auto done = store_.begin(); !done) return done;
    if (auto done = store_.add_task(record); !done) return done;
    for (const Execution& x : elements)
      if (auto done = store_.save(x, ~0ULL); !done) return done;
    crash_point();
    return store_.commit();
  };
  if (auto done = write(); !done) {
    store_.rollback();
    return fail(done.error());
  }
  crash_point();
  last_task_ = record.id;
  const bool array = record.array.has_value();
  ActiveTask task{std::move(record), std::move(elements), {}, 0, {}};
  for (const Execution& x : task.elements) {
    ++task.counts.by_state[static_cast<std::size_t>(x.state)];
    ++counts_.by_state[static_cast<std::size_t>(x.state)];
    for (const Effect& effect : effects) effects_.emplace_back(x.id, effect);
  }
  note("execution_queued", id_text({last_task_, 0}, false),
       array ? fmt::format("{} executions accepted", task.elements.size()) : "accepted");
  active_.emplace(last_task_, std::move(task));
  schedule();
  return last_task_;
}

ActiveTask* Ledger::active(std::int64_t task) {
  const auto found = active_.find(task);
  return found == active_.end() ? nullptr : &found->second;
}

Execution* Ledger::find(const ExecutionId& id) {
  ActiveTask* task = active(id.task);
  return task == nullptr || id.element >= task->elements.size() ? nullptr : &task->elements[id.element];
}

void Ledger::count(ActiveTask& task, ExecutionState before, ExecutionState after) {
  if (before == after) return;
  for (StateCounts* counts : {&task.counts, &counts_}) {
    --counts->by_state[static_cast<std::size_t>(before)];
    ++counts->by_state[static_cast<std::size_t>(after)];
  }
}

void Ledger::apply(const ExecutionId& id, const Event& event) {
  ActiveTask* task = active(id.task);
  if (task == nullptr || id.element >= task->elements.size()) return;
  Execution& x = task->elements[id.element];
  const ExecutionState before = x.state;
  const std::vector<Attempt> attempts = x.attempts;
  const std::optional<MovePhase> phase = x.move ? std::optional(x.move->phase) : std::nullopt;
  Step done = step(std::move(x), event, now_ms());
  x = std::move(done.next);
  for (const Effect& effect : done.effects) effects_.emplace_back(id, effect);
  if (!done.changed) {
    if (!done.effects.empty()) schedule();
    return;
  }
  Dirty& dirty = dirty_[id];
  for (std::size_t i = 0; i < x.attempts.size(); ++i) {
    const Attempt& a = x.attempts[i];
    const bool same = i < attempts.size() && a.state == attempts[i].state && a.reason == attempts[i].reason &&
                      a.process == attempts[i].process;
    if (!same) dirty.attempts |= 1ULL << std::min<std::size_t>(i, 63);
  }
  count(*task, before, x.state);
  if (phase && x.move->phase != *phase)
    note("offload_phase", id_text(id, false),
         std::string(to_string(x.move->phase)) + (x.reason.empty() ? "" : ": " + x.reason));
  // One event a change of a single execution; of an array only its end, or the history would hold nothing
  // else.
  const bool array = task->record.array.has_value();
  if (!array && before != x.state)
    note(terminal(x.state) ? "execution_ended" : "execution_started", id_text(id, false),
         terminal(x.state) ? fmt::format("{}{}{}", to_string(x.state),
                                         x.reason.empty() || x.reason == to_string(x.state) ? "" : ": ",
                                         x.reason == to_string(x.state) ? "" : x.reason)
                           : fmt::format("running on {}", x.attempts.empty() ? "?" : x.attempts.back().node));
  const auto& n = task->counts.by_state;
  if (n[0] + n[1] == 0) {
    if (array && before != x.state)
      note("execution_ended", id_text(id, false),
           fmt::format("array ended: {} completed, {} failed, {} cancelled, {} aborted", n[2], n[3], n[4],
                       n[5]));
  }
  if (n[0] + n[1] == 0 || (terminal(x.state) && waiters_.contains(id.task)))
    maybe_finished_.push_back(id.task);
  schedule();
}

void Ledger::set_detail(std::int64_t task, Json detail) {
  if (ActiveTask* found = active(task)) found->record.detail = detail;
  write([task, detail = std::move(detail)](Store& store) { return store.set_detail(task, detail); });
}

void Ledger::note(std::string kind, std::string subject, std::string text, Json data) {
  events_.push_back(
      {++last_event_, now_ms(), std::move(kind), std::move(subject), std::move(text), std::move(data)});
  schedule();
}

void Ledger::write(std::function<Result<>(Store&)> write) {
  writes_.push_back(std::move(write));
  schedule();
}

void Ledger::after_commit(std::function<void()> then) {
  after_commit_.push_back(std::move(then));
  schedule();
}

std::uint64_t Ledger::when_finished(std::int64_t task, std::optional<std::uint32_t> element,
                                    std::function<void()> then) {
  waiters_.emplace(task, Waiter{++last_waiter_, element, std::move(then)});
  maybe_finished_.push_back(task);
  schedule();
  return last_waiter_;
}

void Ledger::wait_no_more(std::int64_t task, std::uint64_t waiter) {
  const auto [first, last] = waiters_.equal_range(task);
  const auto found = std::find_if(first, last, [&](const auto& entry) { return entry.second.id == waiter; });
  if (found != last) waiters_.erase(found);
}

// Those who wait for an end that has come and is committed.
void Ledger::wake(std::int64_t task) {
  const ActiveTask* found = active(task);
  const bool all = found == nullptr || found->counts.by_state[0] + found->counts.by_state[1] == 0;
  const auto [first, last] = waiters_.equal_range(task);
  for (auto waiter = first; waiter != last;) {
    const Execution* x = waiter->second.element ? find({task, *waiter->second.element}) : nullptr;
    const bool ended = all || (x != nullptr && terminal(x->state));
    if (ended) host_.post(std::move(waiter->second.then));
    waiter = ended ? waiters_.erase(waiter) : std::next(waiter);
  }
  if (all && found != nullptr) active_.erase(task);
}

void Ledger::schedule() {
  if (std::exchange(scheduled_, true) || !degraded_.empty()) return;
  host_.post([this] { static_cast<void>(flush()); });
}

namespace {

// What the schema or a statement refuses would be refused for ever: it is left out, and the stored truth
// stays.
Result<> unless_refused(Result<> done) {
  if (done || done.error().code != Code::internal) return done;
  log_line(LogLevel::error, "store", done.error().message);
  return {};
}

}  // namespace

Result<> Ledger::commit() {
  if (dirty_.empty() && writes_.empty() && events_.empty()) return {};
  if (auto done = store_.begin(); !done) return done;
  for (const auto& write : writes_)
    if (auto done = unless_refused(write(store_)); !done) return done;
  for (const auto& [id, dirty] : dirty_) {
    const Execution* x = find(id);
    if (x == nullptr) continue;
    if (auto saved = unless_refused(store_.save(*x, dirty.attempts)); !saved) return saved;
  }
  for (const EventRecord& event : events_)
    if (auto done = unless_refused(store_.add_event(event)); !done) return done;
  crash_point();
  return store_.commit();
}

Result<> Ledger::flush() {
  scheduled_ = false;
  if (auto done = commit(); !done) {
    store_.rollback();
    if (degraded_.empty()) log_line(LogLevel::error, "store", done.error().message);
    degraded_ = done.error().message;
    retry_ = host_.after(std::chrono::seconds(1), [this] { static_cast<void>(flush()); });
    return done;
  }
  if (!degraded_.empty()) {
    log_line(LogLevel::info, "store", "the store takes changes again");
    degraded_.clear();
  }
  crash_point();
  publish();
  return {};
}

void Ledger::publish() {
  dirty_.clear();
  writes_.clear();
  const auto events = std::exchange(events_, {});
  const auto effects = std::exchange(effects_, {});
  const auto then = std::exchange(after_commit_, {});
  const auto finished = std::exchange(maybe_finished_, {});
  for (const EventRecord& event : events)
    if (on_event_) on_event_(event);
  for (const auto& call : then) call();
  for (const auto& [id, effect] : effects) {
    crash_point();
    on_effect_(id, effect);
  }
  if (!effects.empty() && on_effects_done_) on_effects_done_();
  for (const std::int64_t task : finished) wake(task);
}

}  // namespace grid
