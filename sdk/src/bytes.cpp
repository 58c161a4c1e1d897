#include "grid/sdk/bytes.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace grid {
namespace {

// Length of the well-formed UTF-8 sequence at the front, 0 when there is none; its code point in `point`.
std::size_t decode_utf8(std::string_view bytes, std::uint32_t& point) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) {
    point = lead;
    return 1;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || bytes.size() < length) return 0;
  point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
    point = point << 6 | (at(i) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return 0;
  return length;
}

bool dangerous(std::uint32_t point) noexcept {
  return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0x61C || point == 0x200B ||
         (point >= 0x200E && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E) ||
         (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF || (point >= 0xFFF9 && point <= 0xFFFB) ||
         (point >= 0xE0000 && point <= 0xE007F);
}

void append_hex(std::string& out, std::uint32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += "0123456789abcdef"[value >> shift & 0xFU];
}

}  // namespace

bool is_utf8(std::string_view bytes) noexcept {
  std::uint32_t point = 0;
  while (!bytes.empty()) {
    const std::size_t length = decode_utf8(bytes, point);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string visible(std::string_view bytes, bool keep_lines) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    std::uint32_t point = 0;
    const std::size_t length = decode_utf8(bytes, point);
    if (length == 0) {
      out += "\\x";
      append_hex(out, static_cast<unsigned char>(bytes[0]), 2);
      bytes.remove_prefix(1);
      continue;
    }
    if (!dangerous(point) || (keep_lines && (point == '\n' || point == '\t'))) {
      out += bytes.substr(0, length);
    } else if (point == '\n') {
      out += "\\n";
    } else if (point == '\t') {
      out += "\\t";
    } else if (point == '\r') {
      out += "\\r";
    } else if (point < 0x100) {
      out += "\\x";
      append_hex(out, point, 2);
    } else if (point < 0x10000) {
      out += "\\u";
      append_hex(out, point, 4);
    } else {
      out += "\\U";
      append_hex(out, point, 8);
    }
    bytes.remove_prefix(length);
  }
  return out;
}

namespace {
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

std::string encode_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t block = 0;
    for (std::size_t k = 0; k < 3; ++k)
      block = block << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) out += k <= count ? alphabet[block >> (18 - 6 * k) & 63U] : '=';
  }
  return out;
}

Result<std::string> decode_base64(std::string_view text) {
  std::string out;
  if (text.size() % 4 != 0) return fail(Code::usage, "base64: the length is not a multiple of 4");
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t padding = last ? (text[i + 3] == '=') + (text[i + 3] == '=' && text[i + 2] == '=') : 0;
    std::uint32_t block = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::size_t digit = k >= 4 - padding ? 0 : alphabet.find(text[i + k]);
      if (digit == std::string_view::npos)
        return fail(Code::usage, "base64: a character outside its alphabet");
      block = block << 6 | static_cast<std::uint32_t>(digit);
    }
    if ((padding == 1 && (block & 0xFFU) != 0) || (padding == 2 && (block & 0xFFFFU) != 0))
      return fail(Code::usage, "base64: bits after the end");
    for (std::size_t k = 0; k < 3 - padding; ++k) out += static_cast<char>(block >> (16 - 8 * k) & 0xFFU);
  }
  return out;
}

namespace {

// Optimal string alignment distance; gives up above `limit`.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string>& names) noexcept {
  std::string_view best;
  std::size_t best_distance = 3;
  if (word.size() > 64) return best;
  for (const std::string& name : names) {
    if (name.size() > 64) continue;
    const std::size_t found = distance(word, name);
    if (found < best_distance && 2 * found < std::max<std::size_t>(name.size(), 1)) {
      best = name;
      best_distance = found;
    }
  }
  return best;
}

}  // namespace grid
