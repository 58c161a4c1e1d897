// Moves files into and out of a work folder. Everything here blocks: jobs only. [any]
#pragma once

#include <filesystem>
#include <vector>

#include "calls.hpp"

namespace grid::local {

// Each file beside and renamed, with mode and mtime; symbolic links as such. A path inside `work` that leaves
// it, by `..` or through a symbolic link, is refused (usage).
[[nodiscard]] Result<> copy_in(const std::filesystem::path& work, const std::vector<FileCopy>& files,
                               const Stopping& stopping);
[[nodiscard]] Result<> copy_out(const std::filesystem::path& work, const std::vector<FileCopy>& files,
                                const Stopping& stopping);
// Files and symbolic links, by path.
[[nodiscard]] Result<std::vector<FileFact>> list_files(const std::filesystem::path& work,
                                                       const Stopping& stopping);

}  // namespace grid::local
