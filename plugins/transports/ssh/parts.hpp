// An answer of several parts, each with a line that names it and bytes of any kind: as part() in node.sh
// writes them. The boundary is random and goes with the request, so that no content can hold one. Pure. [any]
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace grid::ssh {

struct Part {
  std::string_view name;
  std::string_view bytes;
};

struct Parts {
  std::string_view before;  // the first boundary
  std::vector<Part> parts;  // in order
};

// Views into `output`.
[[nodiscard]] Parts split_parts(std::string_view output, std::string_view boundary);
// The first word of `text`, cut off with the blank behind it.
[[nodiscard]] std::string_view take_word(std::string_view& text);

}  // namespace grid::ssh
