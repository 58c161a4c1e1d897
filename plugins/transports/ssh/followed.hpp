// One followed run: what its journal has said, handed on in order and once.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "grid/sdk/run_directory.hpp"
#include "grid/sdk/transport.hpp"

namespace grid::ssh {

// [loop] A call to the sink may end the whole link: `alive` tells, and nothing is touched after that.
class Followed {
 public:
  Followed(RunSink& sink, Run run, std::weak_ptr<void> alive)
      : sink_(sink), run_(std::move(run)), alive_(std::move(alive)) {}

  // What the journal holds beyond offset(). Error: it is damaged; what stands before the damage was handed
  // on.
  Result<> take(std::string_view bytes);

  [[nodiscard]] const Run& run() const noexcept { return run_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  // By its first record.
  [[nodiscard]] const std::optional<run_directory::ShimRecord>& shim() const noexcept { return shim_; }
  // Of an element that was seen to start and not to end.
  [[nodiscard]] std::optional<ProcessId> process(std::uint32_t element) const;
  [[nodiscard]] bool finished() const noexcept { return finished_; }

 private:
  void hand_on(const std::vector<run_directory::Record>& records);

  RunSink& sink_;
  Run run_;
  std::weak_ptr<void> alive_;
  std::uint64_t offset_ = 0;
  std::string unread_;  // a line still being written
  std::optional<run_directory::ShimRecord> shim_;
  std::map<std::uint32_t, ProcessId> running_;
  bool finished_ = false;
};

}  // namespace grid::ssh
