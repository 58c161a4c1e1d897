// The journal as its one writer sees it: records gather, and go out by one write(2) per turn.
#pragma once

#include <chrono>
#include <string>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/run_directory.hpp"

namespace grid::shim {

class Journal {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Journal(Fd file) : file_(std::move(file)) {}
  void add(const run_directory::Record& record) { waiting_ += run_directory::encode(record); }
  // Writes what gathered. What the disk does not take (full) is kept and tried again by the next call.
  void flush();
  // Puts it on the disk, at most every 100 ms.
  void sync(Clock::time_point now);
  void sync_now();
  [[nodiscard]] bool flushed() const { return waiting_.empty(); }
  // When flush() or sync() have something to do; max() when never.
  [[nodiscard]] Clock::time_point due() const;

 private:
  Fd file_;
  std::string waiting_;
  bool unsynced_ = false;
  Clock::time_point synced_{};
  Clock::time_point retry_{};
};

}  // namespace grid::shim
