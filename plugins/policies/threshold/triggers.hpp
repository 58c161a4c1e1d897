// The reasons to move: figures of the head against their marks, over time.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "grid/sdk/model.hpp"
#include "memory.hpp"
#include "settings.hpp"

namespace grid::threshold {

// What the head shows; absent is unknown. Total load, without trees that this grid has paused.
struct HeadLoad {
  std::optional<double> cpus;
  std::optional<double> cpu_fraction;
  std::optional<double> memory_fraction;
  std::optional<double> pressure_fraction;
  std::optional<double> gpu_fraction;  // of the busiest one
  std::optional<double> memory_used_bytes;
  std::optional<double> memory_total_bytes;
};

[[nodiscard]] HeadLoad measure_head(const Snapshot& snapshot);

struct Trigger {
  const char* name = "";
  bool holds = false;
  std::optional<double> held_seconds;  // above the high mark, as far as it was watched
  Reason reason;
};

struct Triggers {
  std::array<Trigger, 4> all;  // cpu, memory, pressure, gpu
  bool observed = false;       // somebody watched before: dwell times mean something
  [[nodiscard]] const Trigger& cpu() const { return all[0]; }
  [[nodiscard]] const Trigger& memory() const { return all[1]; }
  [[nodiscard]] const Trigger& pressure() const { return all[2]; }
  [[nodiscard]] const Trigger& gpu() const { return all[3]; }
  [[nodiscard]] bool any() const;
  [[nodiscard]] double longest_seconds() const;  // of those above their mark; 0: none
};

// `before` null: nobody watched, so no dwell is asked for and nothing is latched. Writes the latches for the
// next time.
[[nodiscard]] Triggers evaluate(const HeadLoad& head, const Settings& settings, const Memory* before,
                                std::int64_t now_ms, std::map<std::string, Latch>& latches);

}  // namespace grid::threshold
