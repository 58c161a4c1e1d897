// The options of the policy, and what it keeps of them.
#pragma once

#include <cstdint>
#include <span>

#include "grid/sdk/options.hpp"

namespace grid::threshold {

// A trigger starts to hold at or above `high` and goes on until below `low`. Fractions 0…1.
struct Marks {
  double high = 1;
  double low = 0;
};

struct Settings {
  Marks cpu, memory, pressure, gpu;
  double sustain_seconds = 0;  // how long a figure must stay above its high mark
  double headroom_cpus = 0;    // kept free on each worker
  std::uint64_t headroom_memory_bytes = 0;
  double cooldown_seconds = 0;  // a process that was let go by a move stays put for so long
};

[[nodiscard]] std::span<const OptionSpec> option_specs() noexcept;
[[nodiscard]] const char* sample_yaml() noexcept;

// Error config_invalid: a low mark that is not below its high mark, naming both.
[[nodiscard]] Result<Settings> read_settings(const Options& options);

}  // namespace grid::threshold
