// Writing to our own descriptors, and the one place where an error is shown. [any]
#pragma once

#include <string_view>

#include "apps/grid/options.hpp"
#include "core/base/text.hpp"
#include "grid/sdk/result.hpp"

namespace grid::cli {

// All of it. A reader who has left is an error without a message, which nobody prints: the Unix way to end a
// pipe.
Result<> write_all(int fd, std::string_view bytes);

// "error: …" and "hint: …" to stderr, with the usage of `command` (may be null) where the usage was wrong;
// with `json` an error object to stdout. Answers the exit code.
int show_error(const Error& error, const Command* command, bool json, const Json& details = Json::object());

}  // namespace grid::cli
