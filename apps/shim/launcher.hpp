// Starts one element: posix_spawn with everything that is the same for all elements prepared once.
#pragma once

#include <spawn.h>

#include <string>
#include <vector>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/run_directory.hpp"

namespace grid::shim {

// Standard output and error of the elements of one slot: two files that are used again as long as nobody
// wrote to them.
class SlotLogs {
 public:
  explicit SlotLogs(std::uint32_t slot);
  [[nodiscard]] int out() const { return out_.get(); }
  [[nodiscard]] int err() const { return err_.get(); }
  // After `element` ended: fills in the sizes; what is not empty gets the element's name and the slot fresh
  // files.
  void close(std::uint32_t element, Ending& ending);

 private:
  std::uint64_t close(std::uint32_t element, Stream stream, const Fd& file);

  std::uint32_t slot_;
  Fd out_, err_;
};

class Launcher {
 public:
  // `spec` outlives it. The current folder is the run directory.
  explicit Launcher(const run_directory::Spec& spec);
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;
  ~Launcher();
  // In a process group of its own, alone in a run also a session, with default signals. Returns 0 or an
  // errno; never tells it by an exit code.
  int start(const RunElement& element, const SlotLogs& logs, pid_t& pid);
  // "GRID_EXECUTION=…", by which descendants of `element` are known.
  [[nodiscard]] std::string mark(std::uint32_t element) const;

 private:
  const run_directory::Spec& spec_;
  std::string folder_;                  // where the task runs, absolute
  std::string program_;                 // what to execute; empty: not found yet
  std::vector<std::string> variables_;  // what the task meets beside our own
  std::string execution_, attempt_, cookie_;
  std::vector<char*> arguments_, environment_;
  Fd null_;
  posix_spawnattr_t attributes_{};
};

}  // namespace grid::shim
