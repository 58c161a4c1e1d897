// Values of the loop as the objects of docs/api.md. Pure. [any]
#pragma once

#include <string>

#include "core/base/text.hpp"
#include "grid/sdk/model.hpp"

namespace grid {

[[nodiscard]] Json value_to_json(const Value& value);
[[nodiscard]] std::string reason_text(const Reason& reason);  // "code: text"
[[nodiscard]] Json node_to_json(const Node& node, const std::string& problem);
[[nodiscard]] Json decision_to_json(const Decision& decision);

struct ScanFacts {
  std::uint32_t processes = 0;
  bool recorded = false;
};
// grid/scan/1. Candidates carry what the decision says of them; at most `top`.
[[nodiscard]] Json scan_to_json(const Snapshot& snapshot, const Decision& decision, const ScanFacts& facts,
                                std::size_t top = 50);

}  // namespace grid
