// One process as /proc/PID/stat tells it, and the parser of that line. [any], pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/model.hpp"

namespace grid {

struct ProcessRow {
  std::int32_t pid = 0;
  std::int32_t ppid = 0;
  std::int32_t pgrp = 0;
  std::int32_t session = 0;
  std::int32_t tty_nr = 0;  // 0: no controlling terminal
  std::int32_t tpgid = 0;   // the group in the foreground of that terminal
  std::uint32_t flags = 0;  // PF_*: see kernel_thread(), never_executed()
  std::uint32_t threads = 0;
  char state = '?';
  std::uint64_t start_ticks = 0;
  std::uint64_t cpu_ticks = 0;        // utime + stime
  std::uint64_t child_cpu_ticks = 0;  // of children that ended and were waited for
  std::uint64_t rss_bytes = 0;
  std::string comm;                    // bytes
  std::optional<double> cpu_fraction;  // in CPUs since the pass before; set by ProcessTable
  Fd stat_file;                        // kept open by ProcessTable, where it may

  [[nodiscard]] ProcessId id() const noexcept { return {pid, start_ticks}; }
  [[nodiscard]] bool kernel_thread() const noexcept { return (flags & 0x00200000U) != 0; }
  // Forked and still running the program of the process that forked it.
  [[nodiscard]] bool never_executed() const noexcept { return (flags & 0x00000040U) != 0; }
  // Ended, or ending (PF_EXITING): its memory, program and files are gone already, though its state may still
  // be R.
  [[nodiscard]] bool zombie() const noexcept {
    return state == 'Z' || state == 'X' || (flags & 0x00000004U) != 0;
  }
};

// Fills what the line holds, and leaves cpu_fraction and stat_file alone. False, with `row` half filled, when
// the line is garbled or cut off. The name in brackets may hold anything, brackets and newlines too.
[[nodiscard]] bool parse_stat(std::string_view line, ProcessRow& row);

// The row of `pid` among rows sorted by pid; rows.size() when there is none.
[[nodiscard]] std::size_t index_of(std::span<const ProcessRow> rows, std::int32_t pid) noexcept;

// Clock ticks a second of the figures above.
[[nodiscard]] double ticks_per_second() noexcept;

}  // namespace grid
