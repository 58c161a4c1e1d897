// Words of the command line → a command and its arguments. Boost.Program_options does the parsing, in
// parse.cpp alone.
#pragma once

#include <string>
#include <vector>

#include "apps/grid/arguments.hpp"

namespace grid::cli {

struct Invocation {
  Arguments arguments;  // arguments.command: null for `grid` alone, or a group with `help`
  std::string path;     // the command's words as far as they were understood
  bool help = false;
  bool version = false;
};

// The words after the program's name. What was understood before an error stays in `into`. Error: usage.
Result<> parse(const std::vector<std::string>& words, Invocation& into);

}  // namespace grid::cli
