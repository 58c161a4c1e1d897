// Numbers in sentences, the same in every locale.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace grid::threshold {

// "0.98" for (0.98, 2)
[[nodiscard]] inline std::string fixed(double value, int digits) {
  std::array<char, 400> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, digits)
          .ptr;
  return {buffer.data(), end};
}

[[nodiscard]] inline std::string seconds(double value) { return fixed(value, 0) + " s"; }

// "512 MiB", "1.5 GiB"
[[nodiscard]] inline std::string bytes(double value) {
  constexpr double mebi = 1024.0 * 1024.0;
  return value < 1024 * mebi ? fixed(value / mebi, 0) + " MiB" : fixed(value / (1024 * mebi), 1) + " GiB";
}

// "1 process", "3 processes"
[[nodiscard]] inline std::string count(std::size_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : what.ends_with('s') ? "es" : "s");
}

}  // namespace grid::threshold
