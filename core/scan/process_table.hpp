// All processes of this machine, read again and again at the least cost: a pass is one listing of /proc and
// one pread of a kept `stat` descriptor per process (open, read, close for those beyond the descriptors
// allowed). Nothing is allocated for processes that were there before. Owns the descriptors. One thread at a
// time.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "core/scan/process_row.hpp"
#include "grid/sdk/fd.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

class ProcessTable {
 public:
  // `max_descriptors` are kept open at most. Descriptors are opened by the first pass.
  ProcessTable(const std::filesystem::path& file_root, std::size_t max_descriptors);

  // `now` is on the clock of start_ticks (CLOCK_BOOTTIME). Error: not_found, when there is no
  // <file_root>/proc.
  Result<> pass(std::chrono::nanoseconds now);

  // By pid. A process that another has replaced under the same pid is a new row.
  [[nodiscard]] std::span<const ProcessRow> rows() const noexcept { return rows_; }
  // Gives the rows away; the table starts anew with its next pass.
  [[nodiscard]] std::vector<ProcessRow> take_rows() noexcept { return std::move(rows_); }
  // Null: there is none.
  [[nodiscard]] const ProcessRow* find(std::int32_t pid) const noexcept;
  // Between the last two passes.
  [[nodiscard]] std::optional<double> interval_seconds() const noexcept { return interval_seconds_; }
  // Listed in the last pass, still there, but without a usable `stat`.
  [[nodiscard]] std::uint32_t unreadable() const noexcept { return unreadable_; }
  [[nodiscard]] double age_seconds(const ProcessRow& row) const noexcept;
  [[nodiscard]] int proc() const noexcept { return proc_.get(); }

 private:
  Result<> list_pids();
  bool read_again(ProcessRow& row);
  void add(std::int32_t pid);
  void drop_descriptor(ProcessRow& row) noexcept;

  std::filesystem::path path_;
  std::size_t max_descriptors_;
  std::size_t kept_ = 0;
  Fd proc_;
  std::vector<char> listing_;
  std::vector<std::int32_t> pids_;   // listed in this pass
  std::vector<std::int32_t> fresh_;  // of those, the ones without a row
  std::vector<ProcessRow> rows_;
  std::chrono::nanoseconds now_{};
  bool passed_ = false;
  std::optional<double> interval_seconds_;
  std::uint32_t unreadable_ = 0;
};

// CLOCK_BOOTTIME now.
[[nodiscard]] std::chrono::nanoseconds boot_clock() noexcept;

}  // namespace grid
