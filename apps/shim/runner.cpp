#include "apps/shim/runner.hpp"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <string_view>

namespace grid::shim {
namespace {

namespace rd = run_directory;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Ending ending_of(int status, const rusage& usage) {
  Ending ending;
  if (WIFSIGNALED(status)) {
    ending.signal = WTERMSIG(status);
    ending.core_dumped = WCOREDUMP(status);
  } else {
    ending.code = WEXITSTATUS(status);
  }
  ending.user_cpu_seconds = seconds(usage.ru_utime);
  ending.system_cpu_seconds = seconds(usage.ru_stime);
  ending.max_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  return ending;
}

}  // namespace

Runner::Runner(rd::Spec spec, Fd journal)
    : spec_(std::move(spec)),
      journal_(std::move(journal)),
      launcher_(spec_),
      lease_(std::chrono::milliseconds(std::llround(spec_.grace_seconds * 1000))) {
  const auto self = rd::process_facts(::getpid());
  journal_.add(rd::ShimRecord{self ? self->id : ProcessId{::getpid(), 0}, rd::boot_id()});
  journal_.flush();
  const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(spec_.slots, spec_.elements.size()));
  slots_.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) slots_.emplace_back(i);
}

void Runner::run() {
  lease_.read(Lease::now());
  look_at_lease();
  read_cancels();  // one may have been asked for before there was anybody to tell
  fill();
  journal_.flush();
  while (busy_ > 0 || next_ < spec_.elements.size() || !journal_.flushed()) {
    wait();
    look_at_lease();
    reap();
    settle();
    fill();
    journal_.flush();
    journal_.sync(Clock::now());
  }
  journal_.add(rd::FinishedRecord{});
  for (journal_.flush(); !journal_.flushed(); journal_.flush()) wait();
  journal_.sync_now();
}

void Runner::fill() {
  for (std::uint32_t i = 0; i < slots_.size() && next_ < spec_.elements.size(); ++i) {
    while (!slots_[i].running && next_ < spec_.elements.size()) start(i, spec_.elements[next_++]);
  }
}

void Runner::start(std::uint32_t index, const RunElement& element) {
  rd::ExitedRecord exited{element.element, element.attempt, {}};
  if (fenced_ || cancelled(element.element)) {
    exited.ending.signal = SIGTERM;
    exited.ending.fenced = fenced_;
    journal_.add(exited);
    return;
  }
  Slot& slot = slots_[index];
  pid_t pid = 0;
  if (const int error = launcher_.start(element, slot.logs, pid); error != 0) {
    exited.ending.error = error;
    journal_.add(exited);
    return;
  }
  const auto facts = rd::process_facts(pid);
  slot.running = Running{.element = element, .process = {pid, facts ? facts->id.start_ticks : 0}};
  ++busy_;
  journal_.add(rd::StartedRecord{element.element, element.attempt, slot.running->process, index});
}

Runner::Clock::time_point Runner::due() const {
  Clock::time_point due = journal_.due();
  if (!fenced_) {
    if (const auto left = lease_.look_in(Lease::now())) due = std::min(due, Clock::now() + *left);
  }
  for (const Slot& slot : slots_) {
    if (slot.running && slot.running->kill_at && !slot.running->killed)
      due = std::min(due, *slot.running->kill_at);
  }
  return due;
}

void Runner::wait() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGCONT);
  const auto next = due();
  int signal = 0;
  if (next == Clock::time_point::max()) {
    signal = ::sigwaitinfo(&signals, nullptr);
  } else {
    const auto left =
        std::max(std::chrono::nanoseconds(next - Clock::now()), std::chrono::nanoseconds(0)).count();
    const timespec limit{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
    signal = ::sigtimedwait(&signals, nullptr, &limit);
  }
  if (signal != SIGTERM) return;
  lease_.read(Lease::now());  // one may be new
  read_cancels();
  const auto kill_at = Clock::now() + std::chrono::milliseconds(std::llround(spec_.grace_seconds * 1000));
  for (Slot& slot : slots_) {
    if (slot.running && !slot.running->kill_at && cancelled(slot.running->element.element))
      stop(*slot.running, kill_at);
  }
}

void Runner::look_at_lease() {
  if (fenced_ || !lease_.deadline()) return;
  const auto now = Lease::now();
  lease_.read(now);
  if (const auto term_at = lease_.term_at(); term_at && now >= *term_at) fence(now);
}

// From here on nothing starts, and what runs is gone by the deadline.
void Runner::fence(Lease::Time now) {
  fenced_ = true;
  const auto kill_at = Clock::now() + std::max(*lease_.deadline() - now, Lease::Time(0));
  for (Slot& slot : slots_) {
    if (!slot.running || slot.running->killed) continue;
    Running& running = *slot.running;
    if (running.kill_at && *running.kill_at <= kill_at) continue;  // a cancel that is through before
    running.fenced = true;
    if (running.kill_at) {
      running.kill_at = kill_at;
    } else {
      stop(running, kill_at);
    }
  }
}

void Runner::reap() {
  int status = 0;
  rusage usage{};
  for (pid_t pid = 0; busy_ > 0 && (pid = ::wait4(-1, &status, WNOHANG, &usage)) > 0;) {
    for (Slot& slot : slots_) {
      if (slot.running && !slot.running->ending && slot.running->process.pid == pid) {
        slot.running->ending = ending_of(status, usage);
        break;
      }
    }
  }
}

void Runner::settle() {
  const auto now = Clock::now();
  for (Slot& slot : slots_) {
    if (slot.running) settle(slot, now);
  }
}

void Runner::settle(Slot& slot, Clock::time_point now) {
  Running& running = *slot.running;
  if (!running.ending) {
    if (running.kill_at && !running.killed && now >= *running.kill_at) {
      running.killed = true;
      signal_all(running, SIGKILL);
    }
    return;
  }
  const std::vector<ProcessId> left = left_of(running);
  running.leftovers.insert(left.begin(), left.end());
  if (!left.empty()) {
    // What outlives its element has no claim to grace, unless the element was stopped: then it has the same.
    if (!running.kill_at || now >= *running.kill_at) {
      running.killed = true;
      running.kill_at = now;
      for (const ProcessId& process : left) {
        if (!rd::send_signal(process, SIGKILL) && errno == EPERM) beyond_reach_.insert(process);
      }
    }
    return;
  }
  running.ending->fenced = running.fenced;
  running.ending->leftovers = static_cast<std::uint32_t>(running.leftovers.size());
  slot.logs.close(running.element.element, *running.ending);
  journal_.add(rd::ExitedRecord{running.element.element, running.element.attempt, *running.ending});
  slot.running.reset();
  --busy_;
}

void Runner::read_cancels() {
  DIR* const folder = ::opendir(rd::cancel_folder.data());
  if (folder == nullptr) return;
  while (const dirent* const entry = ::readdir(folder)) {
    const std::string_view name = entry->d_name;
    std::uint32_t element = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), element);
    if (name == rd::cancel_all) {
      cancel_all_ = true;
    } else if (error == std::errc{} && end == name.data() + name.size()) {
      cancels_.insert(element);
    }
  }
  ::closedir(folder);
}

bool Runner::cancelled(std::uint32_t element) const {
  return cancel_all_ || (!cancels_.empty() && cancels_.contains(element));
}

void Runner::stop(Running& running, Clock::time_point kill_at) {
  running.kill_at = kill_at;
  signal_all(running, SIGTERM);
  signal_all(running, SIGCONT);  // a stopped process cannot act on TERM
}

// The group by its number, which cannot be somebody else's before the element is waited for; then whoever
// left the group.
void Runner::signal_all(const Running& running, int signal) {
  if (!running.ending) ::kill(-running.process.pid, signal);
  std::vector<ProcessId> others = left_of(running);
  if (!running.ending) add_tree(running.process.pid, others);
  for (const ProcessId& process : others) {
    const auto facts = rd::process_facts(process.pid);
    if (!running.ending && facts && facts->group == running.process.pid) continue;
    rd::send_signal(process, signal);
  }
}

// Children that are no element: descendants of elements whose parent has ended.
std::vector<pid_t> Runner::orphans() {
  std::vector<pid_t> found;
  for (const pid_t child : children_.read()) {
    const bool element = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
      return slot.running && !slot.running->ending && slot.running->process.pid == child;
    });
    if (!element) found.push_back(child);
  }
  return found;
}

// The element an orphan comes from: by its group or session, else by the environment it was started with.
// Null: it hid all of them.
Runner::Slot* Runner::owner(const rd::ProcessFacts& orphan) {
  for (Slot& slot : slots_) {
    const pid_t leader = slot.running ? slot.running->process.pid : 0;
    if (leader != 0 && (leader == orphan.group || leader == orphan.session)) return &slot;
  }
  const std::string environment = rd::process_environment(orphan.id.pid);
  for (Slot& slot : slots_) {
    if (slot.running && rd::environment_holds(environment, launcher_.mark(slot.running->element.element)))
      return &slot;
  }
  return nullptr;
}

std::vector<ProcessId> Runner::left_of(const Running& running) {
  std::vector<ProcessId> left;
  for (const pid_t pid : orphans()) {
    const auto facts = rd::process_facts(pid);
    if (!facts || facts->state == 'Z' || beyond_reach_.contains(facts->id)) continue;
    const Slot* const from = owner(*facts);
    // One of unknown origin belongs to whoever ends last; it is a descendant of ours in any case.
    const bool ours = from != nullptr ? &*from->running == &running : busy_ == 1;
    if (ours) add_tree(pid, left);
  }
  return left;
}

}  // namespace grid::shim
