// A task as another machine gets it: what belongs to this machine stays here. Pure. [any]
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/task.hpp"

namespace grid {

// A variable whose value is true on one machine only: PATH, HOME, USER, TMPDIR, …
[[nodiscard]] bool belongs_to_machine(std::string_view name);

// `environment` ("NAME=value") for another machine: what belongs to this one becomes a name that the node
// fills in (Task::inherit), unless it is among `named`, which a person named for this task. The usual ones
// are inherited even where they are not set here.
struct CarriedEnvironment {
  std::vector<std::string> environment;
  std::vector<std::string> inherit;
};
[[nodiscard]] CarriedEnvironment carry_environment(const std::vector<std::string>& environment,
                                                   const std::vector<std::string>& named);

// Lays "NAME=value" entries over those of the task; what they set is not inherited.
void set_variables(Task& task, const std::vector<std::string>& variables);

// Where `path` of this machine lies on the node: the longest folder of `paths` (here → there) that holds it
// decides; without one it is the same.
[[nodiscard]] std::string path_on_node(const std::string& path,
                                       const std::map<std::string, std::string, std::less<>>& paths);

}  // namespace grid
