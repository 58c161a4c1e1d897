#include "core/daemon/runs.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/daemon/crash_point.hpp"
#include "core/daemon/run_options.hpp"

namespace grid {

namespace {

bool brings_files(const TaskRecord& record) {
  return record.moves() || !run_options_of(record).outputs.empty();
}

}  // namespace

Runs::Runs(Ledger& ledger, Host& host) : ledger_(ledger), host_(host), retry_(host) {}

Run Runs::named(const std::string& run) const { return {ledger_.store().head_id(), run}; }

Link* Runs::link(const std::string& node) { return nodes_->link(node); }

std::string Runs::make(const ActiveTask& task, const std::string& node,
                       const std::vector<RunElement>& elements, std::uint32_t slots) {
  Info info;
  info.task = task.record.id;
  info.node = node;
  info.nonce = random_hex(8);
  info.needs = task.record.task.needs;
  info.slots = slots;
  info.elements = elements;
  // Elements of a batch are never dealt again, so its first element and attempt name it for good.
  const std::string name = task.record.array ? fmt::format("{}.b{}.{}", task.record.id,
                                                           elements.front().element, elements.front().attempt)
                                             : fmt::format("{}.{}", task.record.id, elements.front().attempt);
  ledger_.write([record = RunRecord{name, info.task, node, info.nonce}](Store& store) {
    return store.add_run(record);
  });
  runs_[name] = std::move(info);
  return name;
}

bool Runs::remake(const ActiveTask& task, const Attempt& attempt, const RunElement& element,
                  std::uint32_t slots) {
  const auto known = runs_.find(attempt.run);
  if (known != runs_.end()) {
    known->second.elements.push_back(element);
    return true;
  }
  const auto stored = ledger_.store().runs();
  if (!stored) return false;
  const auto record = std::find_if(stored->begin(), stored->end(),
                                   [&](const RunRecord& each) { return each.name == attempt.run; });
  if (record == stored->end()) return false;
  Info& info = runs_[attempt.run];
  info.task = task.record.id;
  info.node = attempt.node;
  info.nonce = record->nonce;
  info.needs = task.record.task.needs;
  info.slots = std::max(1U, slots);
  info.elements = {element};
  return true;
}

RunSpec Runs::spec(const std::string& run, const ActiveTask& of, Task task, bool work_folder) const {
  const Info& info = runs_.at(run);
  RunSpec spec;
  spec.run = named(run);
  spec.nonce = info.nonce;
  spec.execution = std::to_string(info.task);
  spec.array = of.record.array.has_value();
  spec.elements = info.elements;
  spec.slots = info.slots;
  spec.task = std::move(task);
  spec.work_folder = work_folder;
  return spec;
}

bool Runs::pending(const std::string& run) const {
  const auto found = runs_.find(run);
  return found != runs_.end() && !found->second.sent;
}

std::string Runs::node(const std::string& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? std::string() : found->second.node;
}

std::uint32_t Runs::slots(const std::string& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? 0 : found->second.slots;
}

void Runs::say_wait(std::int64_t task, const std::string& why) {
  if (ActiveTask* found = ledger_.active(task)) found->waits_for = why;
}

void Runs::start(const RunSpec& spec) {
  const auto found = runs_.find(spec.run.name);
  if (found == runs_.end() || std::exchange(found->second.sent, true)) return;
  cancel_dropped(spec);
  send(spec);
  crash_point();
}

// What was cancelled after the spec was made stands in the node's copy of it all the same.
void Runs::cancel_dropped(const RunSpec& spec) {
  const std::vector<RunElement>& kept = runs_.at(spec.run.name).elements;
  if (kept.size() == spec.elements.size()) return;
  std::vector<std::uint32_t> dropped;
  for (const RunElement& element : spec.elements) {
    const bool wanted = std::any_of(kept.begin(), kept.end(),
                                    [&](const RunElement& each) { return each.element == element.element; });
    if (!wanted) dropped.push_back(element.element);
  }
  if (dropped.empty()) return;
  retry_.call<void>(
      [this, run = spec.run, dropped](Done<> done) {
        Link* to = link(node(run.name));
        if (to == nullptr) return done(fail(Code::not_found, "its node is gone"));
        to->cancel(run, dropped, std::move(done));
      },
      [this, run = spec.run.name](const Error&) { return runs_.contains(run); }, [](Result<>) {});
}

void Runs::send(const RunSpec& spec) {
  const std::string& run = spec.run.name;
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  Link* to = link(found->second.node);
  if (to == nullptr) return refuse(run, "the node is not reachable");
  to->start(spec, [this, spec](Result<> started) {
    crash_point();
    const auto info = runs_.find(spec.run.name);
    if (info == runs_.end()) return;
    if (started) {
      if (std::exchange(info->second.failures, 0) > 0) say_wait(info->second.task, "");
      return;
    }
    // Only an error that is final says that it never started; not when a try before may have started it, for
    // the error may be of the way there. The node knows.
    if (!started.error().retryable) {
      const bool sure = info->second.failures == 0 || started.error().code == Code::resource_conflict;
      return sure ? refuse(spec.run.name, started.error().message)
                  : ask(spec.run.name, started.error().message);
    }
    if (info->second.unwanted) return ask(spec.run.name, "cancelled");
    say_wait(info->second.task, "waits: " + info->second.node + ": " + started.error().message);
    // Said again with the same nonce it starts what was not started, and nothing a second time.
    retry_.later(info->second.failures++, [this, spec] {
      const auto again = runs_.find(spec.run.name);
      if (again == runs_.end()) return;
      if (again->second.unwanted) return ask(spec.run.name, "cancelled");
      send(spec);
    });
  });
}

void Runs::attach(const ExecutionId& id, const Attempt& attempt) {
  const ActiveTask* task = ledger_.active(id.task);
  if (task == nullptr || attempt.run.empty()) return;
  Info& info = runs_[attempt.run];
  if (info.elements.empty()) {
    info.task = id.task;
    info.node = attempt.node;
    info.needs = task->record.task.needs;
  }
  info.elements.push_back({id.element, attempt.number});
  if (std::exchange(info.sent, true)) return;
  // How many run at once is not stored; as many as ran when the daemon ended is the best that is known.
  const auto running = std::count_if(task->elements.begin(), task->elements.end(), [&](const Execution& x) {
    return !x.attempts.empty() && x.attempts.back().run == attempt.run &&
           x.attempts.back().state == AttemptState::running;
  });
  info.slots = static_cast<std::uint32_t>(std::max<std::ptrdiff_t>(1, running));
  const std::string run = attempt.run;
  // Posted: by then all elements of the run are known.
  host_.post([this, run] { ask(run, "head_restarted: the daemon ended before the start was sent"); });
}

void Runs::ask(const std::string& run, const std::string& why) {
  const auto known = runs_.find(run);
  if (known == runs_.end()) return;
  Link* to = link(known->second.node);
  if (to == nullptr)
    return log_line(LogLevel::warning, "runs", "run " + run + ": its node is not in the configuration");
  to->attach(named(run), [this, run, why](Result<RunState> state) {
    const auto asked = runs_.find(run);
    if (asked == runs_.end()) return;
    if (!state) {
      log_line(LogLevel::warning, "runs", "run " + run + ": " + state.error().message);
      asked->second.again = host_.after(std::chrono::seconds(5), [this, run, why] { ask(run, why); });
    } else if (*state == RunState::absent || *state == RunState::never_started) {
      refuse(run, why);
    }
  });
}

void Runs::discard(const std::string& run) {
  const auto known = runs_.find(run);
  if (known == runs_.end()) return;
  drop(run, known->second.node);
  release(run);
}

void Runs::cancel(const ExecutionId& id, const Attempt& attempt) {
  cancels_[attempt.run].push_back(id.element);
}

void Runs::send_cancels() {
  for (auto& [run, elements] : std::exchange(cancels_, {})) {
    const auto known = runs_.find(run);
    if (known == runs_.end()) continue;
    if (!known->second.sent) {
      drop_unsent(run, std::move(elements));
      continue;
    }
    const bool all = elements.size() >= known->second.elements.size();
    // Whoever tries to start it will ask what became of it instead.
    if (known->second.failures > 0 && all) known->second.unwanted = true;
    Link* to = link(known->second.node);
    if (to == nullptr) continue;
    const std::vector<std::uint32_t> wanted = all ? std::vector<std::uint32_t>{} : elements;
    to->cancel(named(run), wanted, [this, run = run, elements = elements](Result<> done) {
      if (done || !done.error().retryable) {
        cancel_failures_.erase(run);
        if (!done && done.error().code != Code::not_found)
          log_line(LogLevel::warning, "runs", "cancel of run " + run + ": " + done.error().message);
        return;
      }
      // Until it is through, or there is nothing left to cancel.
      retry_.later(cancel_failures_[run]++, [this, run, elements] {
        auto& open = cancels_[run];
        open.insert(open.end(), elements.begin(), elements.end());
        send_cancels();
      });
    });
  }
}

// Nothing of it was sent yet: those that were cancelled are not started at all.
void Runs::drop_unsent(const std::string& run, std::vector<std::uint32_t> elements) {
  Info& info = runs_.at(run);
  std::vector<RunElement> gone;
  std::erase_if(info.elements, [&](const RunElement& element) {
    const bool out = std::find(elements.begin(), elements.end(), element.element) != elements.end();
    if (out) gone.push_back(element);
    return out;
  });
  const std::int64_t task = info.task;
  if (info.elements.empty()) discard(run);
  for (const RunElement& element : gone)
    ledger_.apply({task, element.element}, event::StartRefused{element.attempt, "cancelled"});
}

void Runs::signal(const ExecutionId& id, int signal, Done<> done) {
  const Execution* x = ledger_.find(id);
  const bool running = x != nullptr && !x->attempts.empty() &&
                       x->attempts.back().state == AttemptState::running && !x->attempts.back().run.empty();
  Link* to = running ? link(x->attempts.back().node) : nullptr;
  if (to == nullptr) return done(fail(Code::not_found, "it does not run"));
  to->signal(named(x->attempts.back().run), id.element, signal, std::move(done));
}

void Runs::read_log(const LogSource& source, Stream stream, std::uint64_t offset, std::uint64_t max_bytes,
                    Done<LogChunk> done) {
  Link* from = link(source.node);
  if (from == nullptr)
    return done(fail(Code::node_unreachable, "the log lies on " + source.node + ", which cannot be reached"));
  from->read_log(named(source.run), source.element, stream, offset, max_bytes, std::move(done));
}

std::map<std::string, Nodes::Load> Runs::load() const {
  std::map<std::string, Nodes::Load> load;
  for (const auto& [name, info] : runs_) {
    const auto left = static_cast<std::uint32_t>(info.elements.size()) - info.ended;
    const std::uint32_t at_once = std::min(info.slots, left);
    Nodes::Load& node = load[info.node];
    node.reserved.cpus += info.needs.cpus * at_once;
    node.reserved.memory_bytes += info.needs.memory_bytes * at_once;
    node.reserved.gpus += info.needs.gpus * at_once;
    node.running += at_once;
  }
  return load;
}

void Runs::started(const Run& run, const std::vector<RunStarted>& elements) {
  const auto known = runs_.find(run.name);
  if (known == runs_.end()) return;
  for (const RunStarted& e : elements)
    ledger_.apply({known->second.task, e.element}, event::Started{e.attempt, e.process});
}

void Runs::ended(const Run& run, const std::vector<RunEnded>& elements) {
  const auto known = runs_.find(run.name);
  if (known == runs_.end()) return;
  Info& info = known->second;
  for (const RunEnded& e : elements) {
    info.quiet = info.quiet && e.ending.code == 0 && e.ending.stdout_bytes + e.ending.stderr_bytes == 0;
    info.ended = std::min(info.ended + 1, static_cast<std::uint32_t>(info.elements.size()));
    if (hold_ && hold_({info.task, e.element}, e.attempt, e.ending)) {
      info.held.insert(e.element);
      continue;
    }
    ledger_.apply({info.task, e.element}, event::Ended{e.attempt, e.ending});
  }
  if (freed_) freed_();
}

void Runs::lost(const Run& run, const std::string& why) {
  const auto known = runs_.find(run.name);
  if (known == runs_.end()) return;
  for (const RunElement& e : known->second.elements) {
    if (known->second.held.contains(e.element)) continue;  // its end is known
    ledger_.apply({known->second.task, e.element}, event::Lost{e.attempt, why});
  }
  release(run.name);
}

void Runs::finished(const Run& run) {
  const auto known = runs_.find(run.name);
  if (known == runs_.end()) return;
  // A journal that a full disk damaged: all of it has ended, and of some nobody knows how.
  if (known->second.ended < known->second.elements.size())
    return lost(run, "its journal does not say how all of it ended");
  const ActiveTask* task = ledger_.active(known->second.task);
  // An empty success leaves nothing that anybody could ask for. Where files come home the work folder is
  // still needed.
  if (known->second.quiet && (task == nullptr || !brings_files(task->record)))
    drop(run.name, known->second.node);
  release(run.name);
}

void Runs::refuse(const std::string& run, const std::string& why) {
  const auto known = runs_.find(run);
  if (known == runs_.end()) return;
  for (const RunElement& e : known->second.elements)
    ledger_.apply({known->second.task, e.element}, event::StartRefused{e.attempt, why});
  drop(run, known->second.node);
  release(run);
}

void Runs::end_unstarted(const std::string& run, const std::string& why) {
  const auto known = runs_.find(run);
  if (known == runs_.end()) return;
  Ending ending;
  ending.error = ENOENT;
  for (const RunElement& e : known->second.elements)
    ledger_.apply({known->second.task, e.element}, event::Ended{e.attempt, ending, why});
  drop(run, known->second.node);
  release(run);
}

void Runs::release(const std::string& run) {
  runs_.erase(run);
  if (freed_) freed_();
}

void Runs::drop(const std::string& run, const std::string& node) {
  // After the commit: until then the directory is the only record of how it ended.
  ledger_.after_commit([this, node, run] { forget_there(run, node, 0); });
}

void Runs::forget_there(const std::string& run, const std::string& node, std::uint32_t failures) {
  Link* at = link(node);
  if (at == nullptr) return;
  at->forget(named(run), [this, run, node, failures](Result<> gone) {
    if (gone || gone.error().code == Code::not_found)
      return ledger_.write([run](Store& store) { return store.remove_run(run); });
    // Nothing waits for it: a node that is away for days is asked once a minute.
    if (gone.error().retryable)
      retry_.later(
          failures, [this, run, node, failures] { forget_there(run, node, failures + 1); },
          std::chrono::minutes(1));
  });
}

void Runs::forget(const ExecutionId& id, const Attempt& attempt) {
  if (attempt.run.empty()) return;
  const ActiveTask* task = ledger_.active(id.task);
  const bool files = task != nullptr && brings_files(task->record);
  const bool empty = !attempt.ending || attempt.ending->stdout_bytes + attempt.ending->stderr_bytes == 0;
  if (files && empty) {
    drop(attempt.run, attempt.node);
    if (!attempt.ending) release(attempt.run);  // never started
  }
}

}  // namespace grid
