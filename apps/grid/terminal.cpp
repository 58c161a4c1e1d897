#include "apps/grid/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "grid/sdk/bytes.hpp"

namespace grid::cli {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool says_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = variable(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string_view::npos || value.find("utf8") != std::string_view::npos ||
           value.find("utf-8") != std::string_view::npos || value.find("UTF8") != std::string_view::npos;
  }
  return false;
}

// How many bytes at the end are the start of a character whose rest may still come.
std::size_t unfinished(std::string_view bytes) {
  for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((byte & 0xC0U) == 0x80U) continue;
    const std::size_t length = byte >= 0xF0U ? 4 : byte >= 0xE0U ? 3 : byte >= 0xC0U ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

Terminal Terminal::find(bool no_colour, std::optional<std::uint32_t> columns) {
  Terminal terminal;
  terminal.in_tty = ::isatty(STDIN_FILENO) == 1;
  terminal.out_tty = ::isatty(STDOUT_FILENO) == 1;
  terminal.err_tty = ::isatty(STDERR_FILENO) == 1;
  const std::string_view type = variable("TERM");
  terminal.dumb = type.empty() || type == "dumb";
  const std::string_view force = variable("FORCE_COLOR");
  const bool refused = no_colour || !variable("NO_COLOR").empty();
  const bool forced = !force.empty() && force != "0";
  terminal.out_colour = !refused && (forced || (terminal.out_tty && !terminal.dumb));
  terminal.unicode = says_utf8();
  winsize size{};
  if (terminal.out_tty && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
    terminal.columns = size.ws_col > 0 ? size.ws_col : 80;
    if (size.ws_row > 0) terminal.lines = size.ws_row;
  }
  if (columns) terminal.columns = *columns;
  return terminal;
}

std::string SafeText::pass(std::string_view bytes) {
  held_ += bytes;
  std::size_t keep = unfinished(held_);
  if (keep == 0 && held_.ends_with('\r')) keep = 1;  // a line feed may follow
  std::string text = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  std::string lines;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r')
      lines += text[i];
    else if (i + 1 == text.size() || text[i + 1] != '\n')
      lines += '\n';  // a line drawn over and over: shown one below the other
  }
  return visible(lines, true);
}

std::string SafeText::finish() {
  std::string rest = held_ == "\r" ? "\n" : visible(held_, true);
  held_.clear();
  return rest;
}

}  // namespace grid::cli
