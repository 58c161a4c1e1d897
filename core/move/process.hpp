// One process of this machine: what /proc says of it, and a hold on it that a reused number cannot betray.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/model.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

// The fields of /proc/PID/stat that say who belongs to whom. [any]
struct ProcessFacts {
  ProcessId id;
  std::int32_t parent = 0;
  std::int32_t group = 0;
  std::int32_t session = 0;
  char state = '?';  // as in proc(5): R S D Z T t X I
  std::uint32_t threads = 1;
};

// Absent when it ended, or cannot be read.
[[nodiscard]] std::optional<ProcessFacts> read_process(std::int32_t pid);
// All that can be seen; those that vanish meanwhile are left out.
[[nodiscard]] std::vector<ProcessFacts> read_processes();

enum class Activity {
  running,  // at least one thread may run, or sleeps
  waiting,  // a thread is in uninterruptible sleep (disk, or a vfork whose child has not come to its exec)
  stopped,  // every thread is stopped
  traced,   // stopped by a debugger, which alone decides how it goes on
  gone,     // ended; a zombie has ended
};

// A process held by pidfd, opened first and compared with the start time afterwards. Move only. [any, one
// thread at a time]
class HeldProcess {
 public:
  // process_not_found: ended, a zombie, or its number belongs to another one by now. resource_conflict: no
  // more descriptors.
  static Result<HeldProcess> open(ProcessId id);
  [[nodiscard]] ProcessId id() const { return id_; }
  [[nodiscard]] Activity look() const;
  // process_not_found: it ended. policy_denied: it belongs to another user.
  Result<> signal(int number) const;

 private:
  HeldProcess(ProcessId id, Fd fd) : id_(id), fd_(std::move(fd)) {}
  ProcessId id_;
  Fd fd_;
};

// Why a SIGSTOP would not do: "traced: …", "frozen: …" (a frozen control group). Absent when nothing is in
// the way.
[[nodiscard]] std::optional<std::string> find_restraint(std::int32_t pid);

}  // namespace grid
