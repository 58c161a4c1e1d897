// What may be written where: decided once, for each stream apart. [any]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace grid::cli {

struct Terminal {
  bool in_tty = false;
  bool out_tty = false;
  bool err_tty = false;
  bool out_colour = false;
  bool unicode = false;       // LC_ALL, LC_CTYPE or LANG says UTF-8
  bool dumb = false;          // TERM=dumb or none: no cursor movement
  std::uint32_t columns = 0;  // of stdout; 0: no limit
  std::uint32_t lines = 24;
  [[nodiscard]] bool can_ask() const { return in_tty && err_tty; }

  // Looks at the streams and at NO_COLOR, FORCE_COLOR, TERM, LANG. `columns`: --columns.
  static Terminal find(bool no_colour, std::optional<std::uint32_t> columns);
};

// Bytes from elsewhere on their way to a terminal: line ends are kept, any other control character comes out
// visible. Holds back the start of a character that the next piece completes.
class SafeText {
 public:
  [[nodiscard]] std::string pass(std::string_view bytes);
  // What is left at the end.
  [[nodiscard]] std::string finish();

 private:
  std::string held_;
};

}  // namespace grid::cli
