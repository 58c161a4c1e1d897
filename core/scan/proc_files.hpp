// Reads the files and links of one process, relative to an open folder /proc. Failure is absence. [any]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/fd.hpp"

namespace grid {

struct ProcText {
  std::optional<std::string> bytes;  // absent: not readable
  bool cut = false;                  // there was more than allowed
};
[[nodiscard]] ProcText read_proc(int proc, std::int32_t pid, std::string_view file, std::size_t max_bytes);
[[nodiscard]] std::optional<std::string> read_proc_link(int proc, std::int32_t pid, std::string_view file);

// Names in a folder of the process; absent when it cannot be listed. At most `max_names`.
[[nodiscard]] std::optional<std::vector<std::string>> list_proc(int proc, std::int32_t pid,
                                                                std::string_view folder,
                                                                std::size_t max_names);

// "PID/file", for the *at calls.
[[nodiscard]] std::string proc_name(std::int32_t pid, std::string_view file);

}  // namespace grid
