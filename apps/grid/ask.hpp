// Questions to the person at the terminal. On stderr; answers come from stdin.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/grid/context.hpp"

namespace grid::cli {

struct Choice {
  std::string value;
  std::string label;  // data: shown with control characters made visible
};

// One of `choices`, by its line's number or by its value. Error: usage, where there is no answer, no choice,
// or no terminal to ask on; `name` is the argument that is missing then.
Result<std::string> pick(const Terminal& terminal, std::string_view name, std::string_view hint,
                         const std::vector<Choice>& choices);

// y or yes, anything else is no.
bool confirm(std::string_view question);

// The command's first positional, an execution id; one not given is asked for. `running`: only those that
// have not ended.
Result<std::string> execution_argument(Context& context, bool running);

}  // namespace grid::cli
