// Which variables cross to another machine. Pure. [any]
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace grid {

struct FilteredEnvironment {
  std::vector<std::string>
      environment;  // "NAME=value", in the order given, each name once (the first, as getenv reads)
  std::vector<std::string> withheld;  // names a glob allowed and their looks forbade
};

// `allow` holds names and globs (`LC_*`). Secret-like names (TOKEN, PASSWORD, KEY, … as a word in the name)
// pass only when named exactly. Entries without `=` or without a name are dropped.
[[nodiscard]] FilteredEnvironment filter_environment(const std::vector<std::string>& environment,
                                                     const std::vector<std::string>& allow);
[[nodiscard]] bool looks_secret(std::string_view name);

}  // namespace grid
