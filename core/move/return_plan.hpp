// What comes home after a task ran in a staged folder, and under which name. Looks at the folder, changes
// nothing. [any]
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/move/stage.hpp"
#include "grid/sdk/transport.hpp"

namespace grid {

struct ReturningFile {
  std::string path;         // relative to the work folder on the target
  std::string destination;  // relative to cwd; its folders may have to be made
  bool conflict = false;    // changed on both sides: destination is NAME.grid-<execution>
};

struct ReturnPlan {
  struct Refused {
    std::string path;
    std::string reason;
  };
  std::vector<ReturningFile> files;
  std::vector<Refused> refused;  // would land outside of cwd, or has no place there: it stays on the target
};

// New and changed files (size, mtime or mode differ from `staged`) come home. Nothing is deleted at home.
// `after` is the target's word and not trusted: names with `..`, absolute ones and ways through a symbolic
// link at home are refused.
[[nodiscard]] ReturnPlan plan_return(const Manifest& staged, const std::vector<FileFact>& after,
                                     const std::filesystem::path& cwd, const std::string& execution);

}  // namespace grid
