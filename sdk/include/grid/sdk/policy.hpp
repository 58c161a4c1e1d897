// A policy decides what should leave the head, where to, and why.
#pragma once

#include <string>
#include <string_view>

#include "grid/sdk/model.hpp"
#include "grid/sdk/plugin.hpp"

namespace grid {

struct PolicyAnswer {
  Decision decision;
  std::string memory;  // what it must remember (dwell, cool-down, latches): small, stored with the decision
};

class GRID_SDK Policy : public Plugin {
 public:
  ~Policy() override;
  // [any, one call at a time] Deterministic and pure: the same snapshot and memory give the same answer. No
  // I/O, no clock: `now` is in the snapshot. `memory` is what the last answer held, or empty when there is
  // none or it is lost; one that it cannot understand counts as empty. Gives a reason for everything. Never
  // places anything on the head.
  [[nodiscard]] virtual Result<PolicyAnswer> decide(const Snapshot& snapshot,
                                                    std::string_view memory) const = 0;
};

}  // namespace grid
