// One turn of the loop in the calling process, without place and run: `grid offload scan`, `grid policy
// explain`. It changes nothing on any node. A daemon that runs is asked for its load and its policy's memory,
// and gets the decision for the history; otherwise the store is read, if there is one, and the decision is
// not recorded.
#pragma once

#include "core/base/dirs.hpp"
#include "core/base/text.hpp"
#include "core/config/config.hpp"
#include "core/registry/registry.hpp"

namespace grid {

class LoopHost;

struct ScanRequest {
  Dirs dirs;
  Config config;
  double interval_seconds = 1.0;  // between the two looks at the processes
  std::size_t top = 50;           // candidates in the answer
};

// grid/scan/1. `registry` was made with `host`, and no loop runs on it yet: this call runs it and stops it.
// Blocks for about the interval; gives up 10 s after it (timed_out).
[[nodiscard]] Result<Json> scan_turn(const ScanRequest& request, LoopHost& host, Registry& registry);

}  // namespace grid
