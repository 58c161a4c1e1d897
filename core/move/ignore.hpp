// Which files of a folder stay behind: a small part of the gitignore language. Pure. [any]
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/result.hpp"

namespace grid {

// `*`, `?`, `[a-z]`, `[!a-z]` and `\x`, on bytes, over the whole of `text`. Takes time in proportion to the
// product of both lengths.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text);

class IgnoreRules {
 public:
  // One pattern a line; blank lines and lines that begin with # say nothing, blanks at the end do not count.
  //   name    files and folders of that name at any depth       /x, a/b   from the top only
  //   dir/    folders only, with all that is in them            * ? [..]  as globs; they never match a slash
  // config_invalid for what gitignore has beyond that (`!`, `**`): "<origin>:LINE: …".
  static Result<IgnoreRules> parse(std::string_view text, std::string_view origin);
  void add(const IgnoreRules& more);
  // `path` is relative, without `./`. Its folders were asked before: what is in an ignored folder is never
  // asked.
  [[nodiscard]] bool ignores(std::string_view path, bool folder) const;

 private:
  struct Rule {
    std::string glob;
    bool folder_only = false;
    bool whole_path = false;
  };
  std::vector<Rule> rules_;
};

}  // namespace grid
