// The per-user daemon: one process that owns all state of one user's grid on this machine.
#pragma once

#include <filesystem>
#include <string>

#include "core/base/dirs.hpp"
#include "core/config/load.hpp"

namespace grid {

struct DaemonOptions {
  Dirs dirs;
  LoadRequest config;
  std::filesystem::path log_file;  // empty: stderr
  std::string version;
};

// Runs until SIGTERM, SIGINT or POST /v1/daemon/stop. The exit code: 0 after a planned stop; 2 configuration;
// 6 another daemon holds the state folder; 1 anything else. What went wrong is on stderr and in the log.
[[nodiscard]] int run_daemon(const DaemonOptions& options);

}  // namespace grid
