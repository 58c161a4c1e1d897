// Help from the table. Plain text; `columns` 0: 80. [any]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "apps/grid/options.hpp"

namespace grid::cli {

[[nodiscard]] std::string overview(std::uint32_t columns);
[[nodiscard]] std::string command_help(const Command& command, std::uint32_t columns);
[[nodiscard]] std::string group_help(std::string_view group, std::uint32_t columns);
[[nodiscard]] std::string exit_codes_help();
// "usage: grid logs [OPTIONS] ID": what an error shows.
[[nodiscard]] std::string usage_line(const Command& command);

}  // namespace grid::cli
