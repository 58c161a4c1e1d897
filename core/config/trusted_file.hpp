// Configuration is code in effect (it names programs and plugins): it is read only if nobody else can have
// written it.
#pragma once

#include <filesystem>
#include <string>

#include "grid/sdk/result.hpp"

namespace grid {

// [any] The whole of a regular file that belongs to this user or root, that group and others may not write
// to, and whose folder (of the name given and of the file it leads to) nobody else may replace it in. Judged
// on the opened file. Errors: not_found; config_invalid with the fix as hint.
[[nodiscard]] Result<std::string> read_trusted_file(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace grid
