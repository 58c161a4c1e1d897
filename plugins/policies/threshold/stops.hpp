// Memory and GPU are freed only by ending a process, so such a trigger is answered with one stop at a time,
// and with the next only after the one before freed something.
#pragma once

#include <optional>
#include <vector>

#include "memory.hpp"
#include "move_set.hpp"
#include "triggers.hpp"

namespace grid::threshold {

struct Stop {
  std::optional<std::size_t> index;  // into the snapshot's candidates
  Reason reason;                     // for the decision
};

struct StopRequest {
  const char* name = "";  // memory or gpu: which trigger holds
  double used = 0;        // what is used: bytes, or the share of the busiest GPU
  double excess = 0;      // what must go to be below the low mark
};

// Chooses one of `movables` (by what it frees, with the least loss), preferring those in `set`; adds it to
// `set` and takes from `targets` where it is new. Reads and writes `freeing`, the choice that has not freed
// anything yet.
[[nodiscard]] Stop choose_stop(const StopRequest& request, const Snapshot& snapshot,
                               const std::vector<Movable>& movables, double patience_seconds,
                               std::optional<Freeing>& freeing, MoveSet& set, std::vector<Target>& targets);

}  // namespace grid::threshold
