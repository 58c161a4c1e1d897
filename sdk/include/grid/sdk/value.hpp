// A small closed set of values: what an option may hold, and what a decision states as a threshold.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace grid {

// Durations are seconds and sizes are bytes, both as double or int64_t by the option's type (see
// options.hpp).
using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;
using Values = std::map<std::string, Value, std::less<>>;

}  // namespace grid
