// What the parts of the run directory's format share: numbers and the parts of a line. [any]
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace grid::run_directory {

template <class Number>
[[nodiscard]] std::optional<Number> decode_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The part of `text` up to `separator`, which is removed with it.
inline std::string_view take(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const auto part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

}  // namespace grid::run_directory
