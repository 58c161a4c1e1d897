#include "core/config/yaml_scan.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

// By its first byte; of anything that is none, 1.
std::size_t character_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
}

YamlError at(std::string_view bytes, std::size_t offset, std::string message) {
  return {yaml_place(bytes, offset), {}, std::move(message)};
}

std::optional<YamlError> scan_line(std::string_view bytes, std::size_t begin, std::string_view line) {
  if (!is_utf8(line)) {
    std::size_t good = 0;
    while (is_utf8(line.substr(good, character_length(line[good])))) good += character_length(line[good]);
    return at(bytes, begin + good, "not UTF-8; save the file as UTF-8");
  }
  const auto bad = std::find_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  });
  if (bad != line.end() && *bad == '\r')
    return at(bytes, begin + static_cast<std::size_t>(bad - line.begin()),
              "a carriage return without a line feed; end lines with a line feed");
  if (bad != line.end())
    return at(bytes, begin + static_cast<std::size_t>(bad - line.begin()),
              fmt::format(
                  "a control character (0x{:02x}); in double quotes write it as an escape such as \\x{:02x}",
                  static_cast<unsigned char>(*bad), static_cast<unsigned char>(*bad)));
  const std::size_t text = line.find_first_not_of(" \t");
  const std::size_t tab = line.find('\t');
  if (text != std::string_view::npos && tab < text)
    return at(bytes, begin + tab, "a tab as indentation; use spaces");
  return std::nullopt;
}

}  // namespace

YamlPlace yaml_place(std::string_view bytes, std::size_t offset) noexcept {
  const std::string_view before = bytes.substr(0, std::min(offset, bytes.size()));
  const std::size_t newline = before.rfind('\n');
  const std::string_view line = newline == std::string_view::npos ? before : before.substr(newline + 1);
  return {1 + static_cast<int>(std::count(before.begin(), before.end(), '\n')),
          1 + static_cast<int>(line.size() - static_cast<std::size_t>(
                                                 std::count_if(line.begin(), line.end(), is_continuation)))};
}

std::optional<YamlError> scan_yaml(std::string_view bytes) {
  if (bytes.size() > yaml_max_bytes)
    return YamlError{{}, {}, "larger than 1 MiB, the limit for a configuration"};
  if (bytes.starts_with("\xEF\xBB\xBF"))
    return at(bytes, 0, "a byte order mark; save the file as UTF-8 without one");
  constexpr std::array<std::string_view, 2> utf16{"\xFF\xFE", "\xFE\xFF"};
  if (std::any_of(utf16.begin(), utf16.end(), [&](std::string_view mark) { return bytes.starts_with(mark); }))
    return at(bytes, 0, "UTF-16 or UTF-32; save the file as UTF-8");
  // Each opens a value, unless quoted: what is beyond the limit anyway need not be taken apart first.
  if (std::count_if(bytes.begin(), bytes.end(), [](char c) { return c == '[' || c == '{'; }) >
      long{yaml_max_nodes})
    return YamlError{
        {}, {}, fmt::format("more than {} brackets, the limit for a configuration", yaml_max_nodes)};
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', begin), bytes.size());
    std::string_view line = bytes.substr(begin, end - begin);
    if (end < bytes.size() && line.ends_with('\r')) line.remove_suffix(1);
    if (auto error = scan_line(bytes, begin, line)) return error;
    begin = end + 1;
  }
  return std::nullopt;
}

bool quote_is_closed(std::string_view bytes, std::size_t offset) noexcept {
  const char quote = bytes[offset];
  for (std::size_t i = offset + 1; i < bytes.size(); ++i) {
    if (quote == '"' && bytes[i] == '\\') {
      ++i;
    } else if (bytes[i] == quote) {
      if (quote == '"' || i + 1 == bytes.size() || bytes[i + 1] != quote) return true;
      ++i;
    }
  }
  return false;
}

}  // namespace grid
