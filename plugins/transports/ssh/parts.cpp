#include "parts.hpp"

#include <algorithm>

namespace grid::ssh {

Parts split_parts(std::string_view output, std::string_view boundary) {
  const std::string mark = '\036' + std::string(boundary) + ' ';
  Parts found;
  auto at = output.find(mark);
  found.before = output.substr(0, at);
  while (at != std::string_view::npos) {
    output.remove_prefix(at + mark.size());
    const auto line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    at = output.find(mark);
    found.parts.push_back({line, output.substr(0, at)});
  }
  return found;
}

std::string_view take_word(std::string_view& text) {
  const auto found = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), found.size() + 1));
  return found;
}

}  // namespace grid::ssh
