// One look at all processes, as `ps` takes one: pid, parent, user, CPU, memory, name and arguments. [any]
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/scan/process_row.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

struct ListedProcess {
  ProcessRow row;  // cpu_fraction: over the life of the process
  std::optional<std::uint32_t>
      uid;  // the owner of /proc/PID: root's for a process that may not be looked into
  std::optional<std::string> args;  // bytes, ended by NUL each, at most 128 KiB; empty for a kernel thread
};

// Error: not_found without a /proc.
[[nodiscard]] Result<std::vector<ListedProcess>> list_processes(const std::filesystem::path& file_root = {});

}  // namespace grid
