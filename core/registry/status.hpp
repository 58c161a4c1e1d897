// What is known of one plugin, for status views.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "grid/sdk/plugin.hpp"

namespace grid {

enum class PluginState {
  available,  // there, and not opened by this process
  ok,         // opened; answers
  faulted,    // overran a deadline: its thread is abandoned, every call is answered plugin_fault
  disabled,   // took a process down before; left out until a person allows it again
  refused,    // may not or cannot be loaded
};
[[nodiscard]] std::string_view to_string(PluginState state) noexcept;

struct PluginCounters {
  std::uint64_t calls = 0;
  std::uint64_t failures = 0;  // answered an error, threw, or overran
  std::chrono::microseconds total{};
  std::chrono::microseconds last{};
};

struct PluginStatus {
  Kind kind{};
  std::string name;
  std::filesystem::path path;
  PluginState state = PluginState::available;
  std::string reason;  // why it is not ok, and what to do; empty otherwise
  PluginCounters counters;
};

}  // namespace grid
