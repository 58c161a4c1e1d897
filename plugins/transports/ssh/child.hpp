// A process of ours: started with its three streams, held by a pidfd, always reaped.
//
// [one thread] It is told to end when the thread that started it ends, so nothing is left running when the
// daemon dies by SIGKILL. Hence it must be started by the thread that owns it, not by a passing one. It leads
// a session of its own, without a terminal, and ending it ends its group.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/result.hpp"
#include "wire.hpp"

namespace grid::ssh {

class Child {
 public:
  // -1: /dev/null.
  struct Streams {
    int in = -1;
    int out = -1;
    int err = -1;
  };
  // argv[0] is looked up in PATH. LANG and LC_* are not handed on: they would travel to the host. Errors:
  // program_not_found, internal.
  static Result<Child> start(std::vector<std::string> argv, Streams streams);

  Child() = default;
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(std::chrono::milliseconds(0)); }

  explicit operator bool() const { return pid_ > 0; }
  // Readable when it has ended.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  // Its exit status, 128 + signal when killed; nullopt while it runs. Reaps.
  std::optional<int> status();
  // TERM, then KILL when `patience` is over; only KILL without patience. Reaps.
  void end(std::chrono::milliseconds patience);

 private:
  pid_t pid_ = 0;
  Fd pidfd_;
  std::optional<int> status_;
};

struct Finished {
  int status = 0;
  std::string out;
  std::string err;
};
// Runs a program to its end. Errors: as Child::start(), timed_out, cancelled.
Result<Finished> run(std::vector<std::string> argv, Clock::time_point deadline, const Stopping& stopping);

// How long poll() may sleep: until the deadline, at most 100 ms, so that `stopping` is seen.
int poll_ms(Clock::time_point deadline);

}  // namespace grid::ssh
