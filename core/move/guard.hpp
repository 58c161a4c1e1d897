// The guard of a paused tree: a process of its own (`grid-shim guard REPORT`) that continues the tree when
// the daemon dies. It stands before the first SIGSTOP. The daemon holds the only other end of its socket:
// when that closes without a word, however the daemon ended, the guard continues every member, writes one
// line to the report and leaves.
//
// The words, lines on descriptor 3 of the guard: `member PID START_TICKS`, `armed` (answered by `ready`),
// `disarm`. Threads: [any], one at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/model.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

class Guard {
 public:
  // Starts it and waits until it holds all of `members` (the root first). Errors: program_not_found,
  // cannot_run, timed_out, internal. `report` is a file in a folder that exists, best one per execution.
  static Result<Guard> start(const std::filesystem::path& shim, const std::filesystem::path& report,
                             const std::vector<ProcessId>& members,
                             std::chrono::milliseconds deadline = std::chrono::seconds(5));
  Guard(Guard&& other) noexcept;
  Guard& operator=(Guard&& other) noexcept;
  // While armed: has the tree continued, and waits (a few ms; at most 5 s) until the guard has done so.
  ~Guard();

  // To be called before `member` is stopped: once this returns, the guard will know. Error: the guard is gone
  // (internal).
  Result<> add(ProcessId member);
  // The tree stays as it is. Waits until the guard has left. Error: it was gone already, and may have
  // continued the tree.
  Result<> disarm();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  Guard(pid_t pid, Fd socket) : pid_(pid), socket_(std::move(socket)) {}
  Result<> say(const std::string& line);
  void leave();
  bool reap(std::chrono::milliseconds deadline);

  pid_t pid_ = -1;
  Fd socket_;
};

// One line of a report file: `UNIX_MS PID START_TICKS COUNT [PID START_TICKS]… PROBLEM`, the root first.
struct GuardReport {
  std::int64_t unix_ms = 0;
  ProcessId root;
  std::vector<ProcessId> continued;  // were stopped, and run again
  std::string problem;               // empty: all of the tree runs
};
// What guards wrote to `report`, oldest first; empty when there is no such file. A broken line is left out: a
// guard that was killed while writing.
[[nodiscard]] Result<std::vector<GuardReport>> read_guard_reports(const std::filesystem::path& report);
Result<> append_guard_report(const std::filesystem::path& report, const GuardReport& line);

}  // namespace grid
