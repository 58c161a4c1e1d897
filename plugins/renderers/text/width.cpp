#include "width.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace grid::text {
namespace {

struct Range {
  std::uint32_t first, last;
};

constexpr std::array<Range, 19> zero_width{{{0x300, 0x36F},
                                            {0x483, 0x489},
                                            {0x591, 0x5BD},
                                            {0x610, 0x61A},
                                            {0x64B, 0x65F},
                                            {0x6D6, 0x6DC},
                                            {0x900, 0x902},
                                            {0x93C, 0x93C},
                                            {0x941, 0x948},
                                            {0xE31, 0xE31},
                                            {0xE34, 0xE3A},
                                            {0xE47, 0xE4E},
                                            {0x1AB0, 0x1AFF},
                                            {0x1DC0, 0x1DFF},
                                            {0x200B, 0x200F},
                                            {0x20D0, 0x20FF},
                                            {0xFE00, 0xFE0F},
                                            {0xFE20, 0xFE2F},
                                            {0xE0100, 0xE01EF}}};

constexpr std::array<Range, 20> double_width{
    {{0x1100, 0x115F}, {0x231A, 0x231B}, {0x23E9, 0x23EC}, {0x25FD, 0x25FE},   {0x2614, 0x2615},
     {0x26AA, 0x26AB}, {0x2705, 0x2705}, {0x274C, 0x274C}, {0x2753, 0x2757},   {0x2E80, 0x303E},
     {0x3041, 0x33FF}, {0x3400, 0x4DBF}, {0x4E00, 0xA4CF}, {0xA960, 0xA97F},   {0xAC00, 0xD7A3},
     {0xF900, 0xFAFF}, {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0x1F300, 0x1FAFF}, {0x20000, 0x3FFFD}}};

template <std::size_t N>
bool contains(const std::array<Range, N>& ranges, std::uint32_t point) noexcept {
  const auto range = std::lower_bound(ranges.begin(), ranges.end(), point,
                                      [](const Range& r, std::uint32_t value) { return r.last < value; });
  return range != ranges.end() && point >= range->first;
}

struct Letter {
  std::uint32_t point = 0;
  std::size_t bytes = 1;
  std::size_t cells = 1;
};

// The first character of `text`, which is not empty. Broken UTF-8 counts as one cell a byte.
Letter first(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text[0]);
  Letter letter{lead, 1, 1};
  if (lead < 0xC0) return letter;
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (text.size() < bytes) return letter;
  std::uint32_t point = lead & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return {point, bytes, contains(zero_width, point) ? 0U : contains(double_width, point) ? 2U : 1U};
}

// The longest front of `text` within `most` cells; combining marks stay with their letter.
std::string_view front(std::string_view text, std::size_t most) noexcept {
  std::size_t used = 0;
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const Letter letter = first(text.substr(bytes));
    if (used + letter.cells > most) break;
    used += letter.cells;
    bytes += letter.bytes;
  }
  return text.substr(0, bytes);
}

}  // namespace

std::size_t cells(std::string_view text) noexcept {
  std::size_t sum = 0;
  while (!text.empty()) {
    const Letter letter = first(text);
    sum += letter.cells;
    text.remove_prefix(letter.bytes);
  }
  return sum;
}

std::string cut(std::string_view text, std::size_t most, std::string_view ellipsis) {
  if (cells(text) <= most) return std::string(text);
  const std::size_t mark = cells(ellipsis);
  if (mark >= most) return std::string(front(text, most));
  return std::string(front(text, most - mark)).append(ellipsis);
}

std::vector<std::string> wrap(std::string_view text, std::size_t most) {
  std::vector<std::string> lines;
  while (most > 0 && cells(text) > most) {
    std::string_view line = front(text, most);
    if (line.empty()) line = text.substr(0, first(text).bytes);  // one wide character in a narrower column
    std::size_t end = line.size();
    if (text[end] != ' ') {
      const std::size_t blank = line.rfind(' ');
      if (blank != std::string_view::npos && blank > 0) end = blank;
    }
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    if (text.empty()) return lines;
  }
  lines.emplace_back(text);
  return lines;
}

std::string to_ascii(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Letter letter = first(text);
    if (letter.point < 0x80) {
      out += text[0];
    } else {
      const int digits = letter.point < 0x10000 ? 4 : 8;
      out += digits == 4 ? "\\u" : "\\U";
      for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        out += "0123456789abcdef"[letter.point >> shift & 0xFU];
    }
    text.remove_prefix(letter.bytes);
  }
  return out;
}

}  // namespace grid::text
