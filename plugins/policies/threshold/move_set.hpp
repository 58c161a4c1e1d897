// Which processes should leave: the fewest that help enough, with room for all of them at once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "targets.hpp"

namespace grid::threshold {

struct Movable {
  std::size_t index = 0;   // into the snapshot's candidates
  Use use;                 // what it takes on a target
  double relief_cpus = 0;  // what the head gains
  double loss = 0;         // elapsed CPU seconds that start again; 0: none
};

struct Move {
  std::size_t index = 0;
  std::vector<Placement> placements;  // the first has room for this move next to the others
};

struct MoveSet {
  std::vector<Move> moves;  // highest relief first
  bool enough = false;      // together they free more than was asked for
};

// The fewest of `movables` that together free more than `need_cpus`, then with the least loss, then the
// highest relief, then the earliest in the list. When no set is enough: as many as have room, highest relief
// first. Takes from `targets` what the moves use. Exact among the 16 that free most, within a fixed amount of
// searching; beyond it greedy.
[[nodiscard]] MoveSet smallest_set(const std::vector<Movable>& movables, double need_cpus,
                                   std::vector<Target>& targets);

}  // namespace grid::threshold
