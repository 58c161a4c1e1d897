// An execution and its attempts: the values the engine works on. Plain data, no behaviour. [any]
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/task.hpp"

namespace grid {

// Execution 7, or element 3 of array 7 ("7.3").
struct ExecutionId {
  std::int64_t task = 0;
  std::uint32_t element = 0;
  friend auto operator<=>(const ExecutionId&, const ExecutionId&) = default;
};

enum class ExecutionState : std::uint8_t { queued, running, completed, failed, cancelled, aborted };
enum class AttemptState : std::uint8_t { placing, starting, running, suspended, ended, lost };
enum class AttemptKind : std::uint8_t { run, adopted, resumed };

// What happens to the original of a process that is moved.
enum class Original : std::uint8_t { pause, stop, keep };

// Where a move stands. Each phase is committed before its effect begins, so a new daemon knows what may have
// happened.
enum class MovePhase : std::uint8_t {
  preflight,   // nothing has been touched
  staging,     // files are being copied
  pausing,     // the original is being stopped (SIGSTOP); nothing was started yet
  stopping,    // the original is being ended, for good (original: stop)
  starting,    // the start may have been sent
  running,     // attempt 2 runs on the worker
  collecting,  // it ended with 0: files come home
  ending,      // the original is being ended: its work was done elsewhere
  resuming,    // the original is being continued
  done,
};

struct Attempt {
  std::uint32_t number = 1;  // the fencing token
  AttemptKind kind = AttemptKind::run;
  AttemptState state = AttemptState::placing;
  std::string node;
  std::string run;  // name of its run directory; empty for adopted and resumed ones
  std::optional<ProcessId> process;
  std::optional<Ending> ending;
  std::string reason;
  std::int64_t started_ms = 0;  // wall clock, for people; 0: not yet
  std::int64_t ended_ms = 0;
};

struct Move {
  std::string target;
  Original original = Original::pause;
  MovePhase phase = MovePhase::preflight;
  std::vector<ProcessId> members;  // of the tree, the root first
  bool original_gone = false;      // it ended while it was suspended
  bool continued_by_hand = false;  // somebody else continued it
};

struct Execution {
  ExecutionId id;
  ExecutionState state = ExecutionState::queued;
  bool cancel_requested = false;
  std::string reason;  // why it waits, or why it ended so
  std::int64_t started_ms = 0;
  std::int64_t ended_ms = 0;
  std::vector<Attempt> attempts;  // by number
  std::optional<Move> move;
};

[[nodiscard]] constexpr bool terminal(ExecutionState state) noexcept {
  return state >= ExecutionState::completed;
}
[[nodiscard]] constexpr bool terminal(AttemptState state) noexcept { return state >= AttemptState::ended; }
// A live attempt runs, or may run. A suspended one does not, and one being placed has not been sent anywhere.
[[nodiscard]] constexpr bool live(AttemptState state) noexcept {
  return state == AttemptState::starting || state == AttemptState::running;
}

[[nodiscard]] std::string_view to_string(ExecutionState state) noexcept;
[[nodiscard]] std::string_view to_string(AttemptState state) noexcept;
[[nodiscard]] std::string_view to_string(AttemptKind kind) noexcept;
[[nodiscard]] std::string_view to_string(Original original) noexcept;
[[nodiscard]] std::string_view to_string(MovePhase phase) noexcept;
[[nodiscard]] std::optional<Original> original_from_string(std::string_view name) noexcept;

// "exit code 7", "ended by signal 9 (Killed)", "cannot be started: No such file or directory"
[[nodiscard]] std::string describe(const Ending& ending);

}  // namespace grid
