// The command line as data: one table of commands and options feeds parser, help and completion. Constant, no
// start-up work.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/result.hpp"

namespace grid::cli {

class Context;

// What a word on the command line must be, and where its completions come from.
enum class ArgType {
  flag,
  text,
  number,
  count,
  duration,
  size,
  path,
  choice,
  pid,
  execution,
  node,
  plugin,
  shell_command
};

struct Option {
  std::string_view name;  // long name, without dashes
  char letter = 0;        // short name; 0: none
  ArgType type = ArgType::flag;
  std::string_view metavar = {};
  std::string_view help = {};
  std::string_view fallback = {};  // default, as one would type it; empty: none
  std::string_view choices = {};   // of a choice: "a|b|c"
  double minimum = 0;              // of numbers, counts, durations (s) and sizes (bytes)
  double maximum = std::numeric_limits<double>::infinity();
  bool repeatable = false;  // all values count; otherwise the last one wins
  bool hidden = false;
};

struct Positional {
  enum class Need {
    required,
    asked,
    optional,
    rest
  };  // asked: on a terminal; rest: one or more words, taken as they are
  std::string_view name;
  ArgType type = ArgType::text;
  Need need = Need::required;
  std::string_view choices = {};
};

struct Command {
  std::string_view path;  // "offload scan"
  std::string_view summary;
  Result<int> (*run)(Context&);  // the exit code
  std::span<const Option> options = {};
  std::span<const Positional> positionals = {};
  std::string_view examples = {};    // lines
  std::string_view notes = {};       // paragraphs
  bool stops_at_positional = false;  // options end where the first other word stands
  bool hidden = false;
};

[[nodiscard]] std::span<const Command> commands() noexcept;
[[nodiscard]] std::span<const Option> global_options() noexcept;
// By its whole path; null: none.
[[nodiscard]] const Command* find_command(std::string_view path) noexcept;
// True where `path` is the first word of commands of two words.
[[nodiscard]] bool is_group(std::string_view path) noexcept;
// An option of the command (may be null) or a global one; null: none.
[[nodiscard]] const Option* find_option(const Command* command, std::string_view name) noexcept;
[[nodiscard]] const Option* find_option(const Command* command, char letter) noexcept;
[[nodiscard]] std::vector<std::string> split_choices(std::string_view choices);

}  // namespace grid::cli
