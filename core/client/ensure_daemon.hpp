// The daemon is started by the first verb that needs it, as tmux does.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/dirs.hpp"
#include "core/client/api_client.hpp"

namespace grid {

struct DaemonStart {
  bool may_start = true;                      // false: --no-start
  bool tell = false;                          // say "starting the daemon…" on stderr when it takes 300 ms
  std::filesystem::path program;              // the `grid` to run; empty: this one
  std::vector<std::string> arguments;         // after `daemon run`: --profile, --config
  std::chrono::milliseconds deadline{5'000};  // for the socket to answer
};

// Connects; where nobody listens, starts `grid daemon run` in a session of its own, with /dev/null for input
// and output, no inherited descriptors and only the environment a daemon needs, and connects then. Two at
// once both succeed: the daemon's lock picks one, the other caller just connects. Blocks up to the deadline.
// Error: daemon_unavailable, with what the daemon said last.
Result<ApiClient> ensure_daemon(const Dirs& dirs, const DaemonStart& start);

}  // namespace grid
