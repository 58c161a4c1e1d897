// What an environment of the configuration makes of a task's variables on this machine. Blocks: jobs only.
// [any]
#pragma once

#include <string>
#include <vector>

#include "calls.hpp"

namespace grid::local {

struct SetUp {
  std::vector<std::string> environment;  // "NAME=value", all of it
  std::vector<std::string> sourced;      // the files that exist
};

// Reads the files of `setup` by /bin/sh, then puts its folders before PATH, then sets its variables. Errors:
// preflight_failed, a file ended the shell or took too long.
[[nodiscard]] Result<SetUp> set_up(const std::vector<std::string>& environment, const EnvironmentSetup& setup,
                                   const Stopping& stopping);

// The entries of `after` that `before` does not have.
[[nodiscard]] std::vector<std::string> changed_entries(const std::vector<std::string>& before,
                                                       const std::vector<std::string>& after);

}  // namespace grid::local
