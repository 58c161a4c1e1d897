// Who is left of what this process started. A child subreaper gets every orphan among its descendants as its
// own child, so its list of children tells exactly whether anything is left.
#pragma once

#include <sys/types.h>

#include <vector>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/model.hpp"

namespace grid::shim {

// The children of this (single-threaded) process, ended ones that were not waited for included.
class Children {
 public:
  Children();
  [[nodiscard]] const std::vector<pid_t>& read();

 private:
  Fd file_;  // kept open: one pread per look
  std::vector<pid_t> pids_;
};

// Appends `root` and everything below it that has not ended.
void add_tree(pid_t root, std::vector<ProcessId>& tree);

}  // namespace grid::shim
