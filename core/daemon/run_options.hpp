// What was asked for a task besides the task itself; kept in TaskRecord::detail under "options". [any]
#pragma once

#include <string>
#include <vector>

#include "core/base/text.hpp"
#include "core/store/store.hpp"

namespace grid {

struct RunOptions {
  std::vector<std::string> named;    // variables that a person named: they cross as they are
  std::string environment;           // of the configuration; "none": none; empty: the one that matches
  std::vector<std::string> inputs;   // files and folders to send, relative to cwd; "." is all of it
  std::vector<std::string> outputs;  // likewise, to bring home
  // It runs in a folder of its own wherever it is not at home.
  [[nodiscard]] bool staged() const { return !inputs.empty() || !outputs.empty(); }
};

// Of the body of POST /v1/executions: `named`, `environment_name`, `in`, `out`. Error: usage.
[[nodiscard]] Result<RunOptions> run_options_from_body(const Json& body, const std::string& cwd);
// Null when nothing was asked for.
[[nodiscard]] Json run_options_to_json(const RunOptions& options);
[[nodiscard]] RunOptions run_options_of(const TaskRecord& record);

}  // namespace grid
