// The execution engine: what an event does to an execution. Pure: no I/O, no clock, no ids made here, so that
// seeded schedules of any length can be run through it. The driver commits the new state, and only then
// carries out the effects.
//
// Promises, whatever the order, repetition or absence of events:
//  - at most one attempt is live at a time;
//  - a terminal execution never changes, nor does a terminal attempt;
//  - an execution that is not terminal has an effect under way or waits for an event that a restart asks for
//  again;
//  - a tree that was stopped is ended only after attempt 2 ended with 0 and its files are home; else it is
//  continued.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "core/engine/execution.hpp"

namespace grid {

namespace event {
struct Placed {
  std::string node, run;
};  // a node was chosen for queued work
struct Started {
  std::uint32_t attempt = 0;
  ProcessId process;
};
struct StartRefused {
  std::uint32_t attempt = 0;
  std::string why;
};  // it never started and never will
struct Ended {
  std::uint32_t attempt = 0;
  Ending ending;
  std::string why{};  // in words, where the ending itself does not say it
};
struct Lost {
  std::uint32_t attempt = 0;
  std::string why;
};  // nothing of it is left, and nobody knows how it ended
struct CancelRequested {};
struct Restarted {};  // a new daemon took over
// Of moves:
struct PreflightPassed {};
struct Staged {
  std::string run;
};  // attempt 2 will run in this run directory
struct Refused {
  std::string why;
};  // preflight, staging or pausing failed; the original runs. Of queued work: no node will ever take it
struct Paused {
  std::vector<ProcessId> members;
};                            // every member is verified stopped
struct OriginalEnded {};      // the tree is gone, by whatever hand
struct OriginalContinued {};  // a suspended tree runs, and it was not us
struct Collected {
  std::string failure;
};                          // empty: the files are home
struct OriginalResumed {};  // it runs again, as we asked
}  // namespace event

using Event = std::variant<event::Placed, event::Started, event::StartRefused, event::Ended, event::Lost,
                           event::CancelRequested, event::Restarted, event::PreflightPassed, event::Staged,
                           event::Refused, event::Paused, event::OriginalEnded, event::OriginalContinued,
                           event::Collected, event::OriginalResumed>;

// What the driver must do after the commit. Every effect is idempotent; its outcome comes back as an event.
enum class EffectKind : std::uint8_t {
  start,      // → Started, Ended | StartRefused | Lost
  cancel,     // → Ended | Lost
  attach,     // after a restart: → StartRefused | Started, Ended | Lost
  preflight,  // → PreflightPassed | Refused
  stage,      // → Staged | Refused
  pause,      // → Paused | Refused | OriginalEnded
  watch,      // of a suspended or resumed tree → OriginalEnded | OriginalContinued
  collect,    // → Collected
  end_tree,   // → OriginalEnded
  resume,     // → OriginalResumed | OriginalEnded
  forget,     // the run directory of the attempt may go
};

struct Effect {
  EffectKind kind;
  std::uint32_t attempt = 0;
};

struct Step {
  Execution next;
  std::vector<Effect> effects;
  bool changed = false;  // something to store
};

// A new move of the tree `members` (empty for Original::keep, which adopts nothing), with its first effect.
[[nodiscard]] Step begin_move(ExecutionId id, Move move, const std::string& head, std::int64_t now_ms);

// An event that does not fit the state (late, repeated, of another attempt) changes nothing.
[[nodiscard]] Step step(Execution execution, const Event& event, std::int64_t now_ms);

}  // namespace grid
