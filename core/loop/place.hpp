// Choosing a node for queued work. Pure. [any]
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "grid/sdk/model.hpp"

namespace grid {

struct PlaceRequest {
  Resources needs;
  std::vector<std::string> labels;
  std::string pinned;  // --on; empty: any
};

struct PlaceAnswer {
  std::string node;                  // empty: it must wait
  std::uint32_t slots = 0;           // how many of it fit there at once
  std::uint32_t able = 0;            // nodes that can take it, now or when something there has ended
  std::vector<RefusedNode> refused;  // each node that was passed over, and why
};

// What fits the head stays there (where it accepts work); else the worker with the most room. Room is what
// the node has less its measured foreign load and what this grid has reserved; when no node has room by
// measure, reservations alone count, so that load which grid does not control delays work but never blocks
// it.
[[nodiscard]] PlaceAnswer place(const std::vector<Node>& nodes, const PlaceRequest& request);

// "sim1: 0.5 CPUs free of 4, 1 needed; desk: does not accept work"
[[nodiscard]] std::string refusal_text(const std::vector<RefusedNode>& refused);

}  // namespace grid
