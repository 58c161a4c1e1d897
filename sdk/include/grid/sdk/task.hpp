// What to run, and what became of it. Arguments, paths and environment are bytes (no NUL), never interpreted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "grid/sdk/model.hpp"

namespace grid {

struct Task {
  std::vector<std::string> argv;         // at least one
  std::string cwd;                       // absolute; empty: the attempt's own empty work folder
  std::vector<std::string> environment;  // "NAME=value", the whole of it but for `inherit`
  // Names of variables that belong to the machine (PATH, HOME, USER, …): each gets the value it has on the
  // node for whoever runs the shim, and is absent where it is absent there. An entry of `environment` wins.
  std::vector<std::string> inherit;
  std::string stdin_path;  // on the node; relative: to the run directory; empty: /dev/null
  Resources needs{1.0, 0, 0, 0};
  std::vector<std::string> labels;  // a node must have all of them
  std::optional<std::uint32_t> umask;
  double grace_seconds = 10;  // from TERM to KILL
};

// How a process ended. Exactly one of code, signal and error is set.
struct Ending {
  std::optional<int> code;
  std::optional<int> signal;
  std::optional<int> error;  // errno: the program could not be started
  bool core_dumped = false;
  bool fenced = false;  // ended by its shim, because its lease was over
  // Absent where the shim cannot tell.
  std::optional<double> user_cpu_seconds;
  std::optional<double> system_cpu_seconds;
  std::optional<std::uint64_t> max_rss_bytes;
  std::uint64_t stdout_bytes = 0;
  std::uint64_t stderr_bytes = 0;
  std::uint32_t leftovers = 0;  // descendants that were still there and were ended
};

}  // namespace grid
