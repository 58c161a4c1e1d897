// Figures as people read them, the same in every locale. What is absent comes out empty.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace grid::text {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

[[nodiscard]] std::string fixed(double value, int digits);
[[nodiscard]] std::string bytes(std::optional<double> value);       // "1.2 GiB", "512 B"
[[nodiscard]] std::string percent(std::optional<double> fraction);  // "40%"
[[nodiscard]] std::string cpus(std::optional<double> value);        // "0.98", "2"
[[nodiscard]] std::string duration(
    std::optional<double> seconds);  // "0.4s", "12s", "3m12s", "2h05m", "3d04h"
// "2026-01-31T12:00:00.000Z", as the API writes times; nothing when it is none.
[[nodiscard]] std::optional<WallTime> parse_time(std::string_view text);
// In local time: "12:03:04", of another day than `now` "2026-01-31T12:03".
[[nodiscard]] std::string clock(std::optional<WallTime> time, WallTime now);

}  // namespace grid::text
