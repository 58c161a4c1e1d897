// The one log of a process. [any]
#pragma once

#include <filesystem>
#include <string_view>

#include "grid/sdk/host.hpp"

namespace grid {

// To stderr, or to a file that is rotated at 8 MiB (3 kept). Lines are made safe for a terminal.
void log_to_stderr(LogLevel least);
void log_to_file(const std::filesystem::path& path, LogLevel least);
// `who` is the part or plugin that speaks. Before log_to_… was called: warnings and errors to stderr.
void log_line(LogLevel level, std::string_view who, std::string_view text);

}  // namespace grid
