// What the policy must remember from one decision to the next, as a small JSON text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "grid/sdk/model.hpp"

namespace grid::threshold {

// Times are milliseconds of Time::monotonic.
struct Latch {
  std::int64_t since_ms = 0;  // at or above the high mark without a break
  bool latched = false;       // sustained: holds until below the low mark
};

// Memory or GPU of the head that a chosen process has not freed yet.
struct Freeing {
  std::int64_t at_ms = 0;
  double used = 0;   // what was used at the time: bytes of memory, or the busy share of the GPU
  double frees = 0;  // what the choice should free, in the same unit
  ProcessId chosen;
};

struct Memory {
  std::int64_t at_ms = 0;                       // of the decision that wrote it
  std::map<std::string, Latch> triggers;        // by name: cpu, memory, pressure, gpu
  std::map<ProcessId, std::int64_t> last_held;  // when an execution was last seen to hold the process
  std::map<std::string, Freeing> freeing;       // by trigger: memory, gpu
};

// Nothing when `text` is empty, unknown, garbled or from another boot (later than `now_ms`). Never throws.
[[nodiscard]] std::optional<Memory> parse_memory(std::string_view text, std::int64_t now_ms);
[[nodiscard]] std::string print_memory(const Memory& memory);

}  // namespace grid::threshold
