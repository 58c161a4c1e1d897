#include "core/daemon/runs.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/daemon/crash_point.hpp"

namespace grid {

Runs::Runs(Ledger& ledger, Host& host) : ledger_(ledger), host_(host) {}

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

RunSpec Runs::spec(const std::string& run, const ActiveTask& task, bool work_folder) const {
  const Info& info = runs_.at(run);
  RunSpec spec;
  spec.run = named(run);
  spec.nonce = info.nonce;
  spec.execution = std::to_string(info.task);
  spec.array = task.record.array.has_value();
  spec.elements = info.elements;
  spec.slots = info.slots;
  spec.task = task.record.task;
  spec.work_folder = work_folder;
  return spec;
}

void Runs::start(const std::string& run, const ActiveTask& task, bool work_folder) {
  const auto found = runs_.find(run);
  if (found == runs_.end() || std::exchange(found->second.sent, true)) return;
  Link* to = link(found->second.node);
  if (to == nullptr) return refuse(run, "the node is not reachable");
  to->start(spec(run, task, work_folder), [this, run](Result<> started) {
    crash_point();
    if (started) return;
    // Only an error that is final says that it never started.
    if (started.error().retryable) return ask(run, started.error().message);
    refuse(run, started.error().message);
  });
  crash_point();
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
    Link* to = link(known->second.node);
    if (to == nullptr) continue;
    if (elements.size() == known->second.elements.size()) elements.clear();  // all of it
    to->cancel(named(run), elements, [run = run](Result<> done) {
      if (!done && done.error().code != Code::not_found)
        log_line(LogLevel::warning, "runs", "cancel of run " + run + ": " + done.error().message);
    });
  }
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
    ledger_.apply({info.task, e.element}, event::Ended{e.attempt, e.ending});
  }
  if (freed_) freed_();
}

void Runs::lost(const Run& run, const std::string& why) {
  const auto known = runs_.find(run.name);
  if (known == runs_.end()) return;
  for (const RunElement& e : known->second.elements)
    ledger_.apply({known->second.task, e.element}, event::Lost{e.attempt, why});
  release(run.name);
}

void Runs::finished(const Run& run) {
  const auto known = runs_.find(run.name);
  if (known == runs_.end()) return;
  const ActiveTask* task = ledger_.active(known->second.task);
  // An empty success leaves nothing that anybody could ask for. Of a move the work folder is still needed.
  if (known->second.quiet && (task == nullptr || task->record.detail.empty()))
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

void Runs::release(const std::string& run) {
  runs_.erase(run);
  if (freed_) freed_();
}

void Runs::drop(const std::string& run, const std::string& node) {
  Link* at = link(node);
  if (at == nullptr) return;
  // After the commit: until then the directory is the only record of how it ended.
  ledger_.after_commit([this, at, run] {
    at->forget(named(run), [this, run](Result<> gone) {
      if (gone || gone.error().code == Code::not_found)
        ledger_.write([run](Store& store) { return store.remove_run(run); });
    });
  });
}

void Runs::forget(const ExecutionId& id, const Attempt& attempt) {
  if (attempt.run.empty()) return;
  const ActiveTask* task = ledger_.active(id.task);
  const bool move = task != nullptr && !task->record.detail.empty();
  const bool empty = !attempt.ending || attempt.ending->stdout_bytes + attempt.ending->stderr_bytes == 0;
  if (move && empty) {
    drop(attempt.run, attempt.node);
    if (!attempt.ending) release(attempt.run);  // never started
  }
}

}  // namespace grid
