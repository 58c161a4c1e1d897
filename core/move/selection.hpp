// What a person named of a working folder (--in, --out). Looks at the disk and changes nothing: run it on the
// pool. [any]
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/move/stage.hpp"

namespace grid {

// A path a person gave, seen from `cwd`, as a plain relative one ("." for the folder itself). Pure. Error:
// usage, it leads out of the folder.
[[nodiscard]] Result<std::string> path_inside(const std::filesystem::path& cwd, const std::string& given);

// The named files and all of the named folders, with what the rules leave of them; what was named itself is
// never ignored. `rules.max_bytes` and `max_files` hold for all of it. Errors as make_manifest; not_found:
// one of them is not there.
[[nodiscard]] Result<Manifest> select_files(const std::filesystem::path& cwd,
                                            const std::vector<std::string>& named, const StageRules& rules);

// True when `path` is one of `named`, or lies in it.
[[nodiscard]] bool is_selected(const std::vector<std::string>& named, const std::string& path);

}  // namespace grid
