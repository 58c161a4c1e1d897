#include "follower.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace grid::local {
namespace {

namespace rd = run_directory;

constexpr std::chrono::seconds lost_retry{5};

Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

}  // namespace

Follower::Follower(Host& host, Calls& calls, Journals& journals, RunSink& sink, Place place,
                   std::function<void()> over)
    : host_(host),
      calls_(calls),
      journals_(journals),
      sink_(sink),
      place_(std::move(place)),
      over_(std::move(over)) {}

void Follower::begin(pid_t shim, Passed passed) {
  passed_ = std::move(passed);
  const auto path = place_.folder / rd::journal_file;
  const auto self = shared_from_this();
  child_ = shim;
  if (child_ != 0) hold(open_pidfd(child_));
  journal_ = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!journal_) return answer(fail_errno(path.string(), errno));
  auto growth = journals_.watch(path, [weak = weak_from_this()] {
    if (const auto alive = weak.lock()) alive->read();
  });
  if (!growth) return answer(fail(growth.error()));
  growth_ = std::move(*growth);
  if (passed_) {
    silence_ = host_.after(usual_deadline, [weak = weak_from_this()] {
      const auto alive = weak.lock();
      if (alive) alive->answer(fail(Code::timed_out, "the shim says nothing", {}, true));
    });
  }
  read();
}

void Follower::close() noexcept {
  closed_ = true;
  growth_.reset();
  exit_.reset();
  retry_.reset();
  silence_.reset();
}

std::optional<ProcessId> Follower::process(std::uint32_t element) const {
  const auto found = running_.find(element);
  return found == running_.end() ? std::nullopt : std::optional(found->second);
}

void Follower::read() {
  if (closed_) return;
  const auto self = shared_from_this();
  std::array<char, 64 * 1024> buffer;
  for (ssize_t n = 0; (n = ::read(journal_.get(), buffer.data(), buffer.size())) > 0;) {
    unread_.append(buffer.data(), static_cast<std::size_t>(n));
  }
  std::vector<rd::Record> records;
  const auto used = rd::decode_journal(unread_, records);
  if (used) {
    unread_.erase(0, *used);
  } else {
    // What stands before the damage holds; the rest of the run can only be told by its shim's end.
    host_.log(LogLevel::error, place_.folder.string() + ": " + used.error().message);
    growth_.reset();
    unread_.clear();
  }
  take(records);
}

// Hands on what follows each other and is of one kind as one call, so that the order stays the journal's.
void Follower::take(const std::vector<rd::Record>& records) {
  std::vector<RunStarted> started;
  std::vector<RunEnded> ended;
  const auto hand_on = [&] {
    if (!started.empty()) sink_.started(place_.run, std::exchange(started, {}));
    if (!ended.empty() && !closed_) sink_.ended(place_.run, std::exchange(ended, {}));
  };
  for (const auto& record : records) {
    if (const auto* const start = std::get_if<rd::StartedRecord>(&record)) {
      if (!ended.empty()) hand_on();
      running_[start->element] = start->process;
      started.push_back({start->element, start->attempt, start->process});
    } else if (const auto* const exit = std::get_if<rd::ExitedRecord>(&record)) {
      if (!started.empty()) hand_on();
      running_.erase(exit->element);
      ended.push_back({exit->element, exit->attempt, exit->ending});
    } else if (const auto* const shim = std::get_if<rd::ShimRecord>(&record)) {
      take_shim(*shim);
    } else if (std::holds_alternative<rd::FinishedRecord>(record)) {
      finished_ = true;
    }
    if (closed_) return;
  }
  hand_on();
  if (finished_ && gone_ && !closed_) end();
}

void Follower::take_shim(const rd::ShimRecord& shim) {
  if (std::exchange(known_, true)) return;
  this_boot_ = shim.boot_id == rd::boot_id();
  if (child_ != shim.process.pid) {
    child_ = 0;
    Fd pidfd = this_boot_ ? open_pidfd(shim.process.pid) : Fd();
    const auto facts = rd::process_facts(shim.process.pid);  // read while the descriptor is held
    if (pidfd && facts && facts->id == shim.process) {
      hold(std::move(pidfd));
    } else {
      // Already gone; what it wrote is read to its end first.
      host_.post([weak = weak_from_this()] {
        if (const auto alive = weak.lock()) alive->shim_gone();
      });
    }
  }
  answer({});
}

void Follower::hold(Fd pidfd) {
  exit_.reset();
  pidfd_ = std::move(pidfd);
  exit_ = host_.watch_readable(pidfd_.get(), [weak = weak_from_this()] {
    if (const auto alive = weak.lock()) alive->shim_gone();
  });
}

void Follower::shim_gone() {
  if (closed_ || gone_) return;
  const auto self = shared_from_this();
  exit_.reset();
  if (child_ != 0) ::waitpid(std::exchange(child_, 0), nullptr, 0);
  gone_ = true;
  read();  // to the end: nobody adds to it now
  if (closed_ || finished_) return;
  if (known_) {
    lose();
  } else {
    gone_ = false;  // of the shim that did pass the gate, if one did, nothing is known yet
    never_passed();
  }
}

// Our shim ended without a word: either another one holds the gate, or nothing must ever pass it.
void Follower::never_passed() {
  calls_.run<Found>(
      [folder = place_.folder](const Stopping& stopping) { return look(folder, stopping); },
      [weak = weak_from_this()](Result<Found> found) {
        const auto alive = weak.lock();
        if (!alive || alive->closed_) return;
        if (!found) return alive->answer(fail(found.error()));
        if (found->state == RunState::running || found->state == RunState::finished) return alive->read();
        alive->answer(fail(Code::preflight_failed,
                           "the shim did not start: see " + (alive->place_.folder / rd::shim_log).string()));
      });
}

void Follower::end() {
  const auto self = shared_from_this();
  close();
  over_();
  sink_.finished(place_.run);
}

void Follower::lose() {
  std::vector<ProcessId> leaders;
  for (const auto& [element, process] : running_) leaders.push_back(process);
  calls_.run<bool>(
      [cookie = place_.cookie, leaders, this_boot = this_boot_](const Stopping& stopping) -> Result<bool> {
        return !this_boot || end_marked(cookie, leaders, stopping);
      },
      [weak = weak_from_this()](Result<bool> ended) {
        const auto alive = weak.lock();
        if (!alive || alive->closed_) return;
        if (!ended || !*ended) {
          alive->host_.log(LogLevel::warning,
                           "processes of lost run " + alive->place_.run.name + " do not end yet");
          alive->retry_ = alive->host_.after(lost_retry, [weak] {
            if (const auto again = weak.lock()) again->lose();
          });
          return;
        }
        alive->close();
        alive->over_();
        alive->sink_.lost(alive->place_.run,
                          alive->this_boot_ ? "its shim ended without a result (killed, or out of memory)"
                                            : "the machine was restarted while it ran");
      });
}

void Follower::answer(Result<> result) {
  const auto timer = std::move(silence_);  // lives until this call returns, which may be its own
  if (const auto passed = std::exchange(passed_, nullptr)) passed(std::move(result));
}

}  // namespace grid::local
