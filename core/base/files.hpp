// Small files, read and written whole. [any]
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

// The text of an errno: "No such file or directory".
[[nodiscard]] std::string errno_text(int error);

// All of a file, as read until its end. More than `max_bytes` is an error (usage); a missing file is
// not_found.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t max_bytes = 16U << 20U);

// Written beside, synced, renamed into place: a reader sees the old or the new content, also after a crash.
// Error: storage_failed.
Result<> write_file(const std::filesystem::path& path, std::string_view content, std::uint32_t mode = 0600);

// Makes `path` and its parents with 0700 where missing. Refuses one that is a symbolic link, belongs to
// somebody else or may be written by others. Error: storage_failed or policy_denied, naming the fix.
Result<> make_private_folder(const std::filesystem::path& path);

}  // namespace grid
