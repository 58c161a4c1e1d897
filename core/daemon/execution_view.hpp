// Executions as the objects of docs/api.md. Pure. [any]
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/text.hpp"
#include "core/engine/execution.hpp"
#include "core/store/store.hpp"

namespace grid {

// Is this node a simulated worker?
using IsSimulated = std::function<bool(const std::string&)>;

// Of one execution; `array` adds the counts of all its elements instead of attempts.
[[nodiscard]] Json execution_to_json(const TaskRecord& record, const Execution& x,
                                     const IsSimulated& simulated);
[[nodiscard]] Json array_to_json(const TaskRecord& record, const std::vector<Execution>& elements,
                                 const StateCounts& counts, const IsSimulated& simulated);
[[nodiscard]] Json event_to_json(const EventRecord& event);
[[nodiscard]] Json counts_to_json(const StateCounts& counts);
[[nodiscard]] std::string command_text(const std::vector<std::string>& argv);

}  // namespace grid
