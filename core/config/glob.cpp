#include "core/config/glob.hpp"

namespace grid {
namespace {

// One element of a pattern at its front, other than '*': does it take `c`, and how long is it.
struct Element {
  bool takes;
  std::size_t length;
};

Element set(std::string_view pattern, char c) {
  std::size_t i = 1;
  const bool inverted = i < pattern.size() && pattern[i] == '!';
  if (inverted) ++i;
  const std::size_t first = i;
  bool found = false;
  for (; i < pattern.size(); ++i) {
    if (pattern[i] == ']' && i > first) return {found != inverted, i + 1};
    const auto low = static_cast<unsigned char>(pattern[i]);
    auto high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      high = static_cast<unsigned char>(pattern[i + 2]);
      i += 2;
    }
    const auto value = static_cast<unsigned char>(c);
    found = found || (low <= value && value <= high);
  }
  return {c == '[', 1};
}

Element element(std::string_view pattern, char c) {
  switch (pattern.front()) {
    case '?':
      return {true, 1};
    case '[':
      return set(pattern, c);
    case '\\':
      if (pattern.size() > 1) return {pattern[1] == c, 2};
      break;
    default:
      break;
  }
  return {pattern.front() == c, 1};
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) noexcept {
  // After a '*' only the last one needs to be tried again: it can take what an earlier one would have left.
  std::size_t at = 0;
  std::size_t i = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (i < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      star_text = i;
      continue;
    }
    const Element next = at < pattern.size() ? element(pattern.substr(at), text[i]) : Element{false, 0};
    if (next.takes) {
      at += next.length;
      ++i;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      i = ++star_text;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

}  // namespace grid
