// The fence of a run: the file `lease` in the current folder says when everything of the run must be gone.
// Read anew at least once a second while there is one; without one, nothing is ever due.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace grid::shim {

class Lease {
 public:
  // CLOCK_BOOTTIME: it goes on while the machine sleeps, when no renewal reaches us.
  using Time = std::chrono::milliseconds;

  explicit Lease(std::chrono::milliseconds grace) : grace_(grace) {}
  [[nodiscard]] static Time now();
  // Reads the file. What is no number is complained about, and what was known before holds.
  void read(Time now);
  // When TERM is due, which leaves the grace until the deadline, but at most half of what was left when this
  // lease was first seen; absent: no fence.
  [[nodiscard]] std::optional<Time> term_at() const;
  [[nodiscard]] std::optional<Time> deadline() const { return deadline_; }
  // When to read it again, from `now`; absent: never.
  [[nodiscard]] std::optional<Time> look_in(Time now) const;

 private:
  std::chrono::milliseconds grace_;
  std::string text_;  // of the file, as last read
  std::optional<Time> deadline_;
  Time seen_{};  // when this deadline was first read
};

}  // namespace grid::shim
