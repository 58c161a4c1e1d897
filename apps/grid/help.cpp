#include "apps/grid/help.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace grid::cli {
namespace {

std::uint32_t width_of(std::uint32_t columns) {
  return columns == 0 ? 80 : std::clamp<std::uint32_t>(columns, 40, 100);
}

// Words of `text` in lines of `width`, each after `indent` blanks; the first line goes on at column `at`.
std::string wrap(std::string_view text, std::size_t indent, std::size_t at, std::size_t width) {
  std::string out(at < indent ? indent - at : 0, ' ');
  std::size_t column = std::max(at, indent);
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (!first && column + 1 + end > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      first = true;
    }
    if (!first) out += ' ';
    out += text.substr(0, end);
    column += end + (first ? 0 : 1);
    first = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + "\n";
}

std::string option_head(const Option& option) {
  std::string head = option.letter != 0 ? fmt::format("  -{}, ", option.letter) : "      ";
  head += fmt::format("--{}", option.name);
  if (option.type != ArgType::flag) head += fmt::format(" {}", option.metavar);
  return head;
}

std::string options_help(std::span<const Option> options, std::uint32_t columns) {
  std::size_t indent = 0;
  for (const Option& option : options)
    if (!option.hidden) indent = std::max(indent, option_head(option).size() + 2);
  std::string out;
  for (const Option& option : options) {
    if (option.hidden) continue;
    std::string text(option.help);
    std::string choices(option.choices);
    for (std::size_t bar = choices.find('|'); bar != std::string::npos; bar = choices.find('|', bar))
      choices.replace(bar, 1, ", ");
    if (!choices.empty()) text += fmt::format("; one of {}", choices);
    if (!option.fallback.empty()) text += fmt::format(" (default: {})", option.fallback);
    if (option.repeatable) text += " (may be given again)";
    const std::string head = option_head(option);
    out += head + wrap(text, indent, head.size(), columns);
  }
  return out;
}

std::string paragraphs(std::string_view text, std::uint32_t columns) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += wrap(text.substr(0, end), 0, 0, columns);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string list_of(std::string_view prefix, std::uint32_t columns, bool (*wanted)(std::string_view)) {
  std::string out;
  for (const Command& command : commands()) {
    if (command.hidden || !command.path.starts_with(prefix) || !wanted(command.path)) continue;
    const std::string head = fmt::format("  {:<18}", command.path);
    out += head + wrap(command.summary, 20, head.size(), columns);
  }
  return out;
}

}  // namespace

std::string usage_line(const Command& command) {
  std::string out = fmt::format("usage: grid {}", command.path);
  if (!command.options.empty()) out += " [OPTIONS]";
  for (const Positional& positional : command.positionals) {
    std::string name(positional.choices.empty() ? positional.name : positional.choices);
    if (positional.need == Positional::Need::rest)
      out +=
          command.stops_at_positional ? fmt::format(" [--] {} [ARG...]", name) : fmt::format(" {}...", name);
    else if (positional.need == Positional::Need::required)
      out += " " + name;
    else
      out += fmt::format(" [{}]", name);
  }
  return out + "\n";
}

std::string command_help(const Command& command, std::uint32_t columns) {
  columns = width_of(columns);
  std::string out = fmt::format("{}.\n\n{}", command.summary, usage_line(command));
  if (!command.notes.empty()) out += "\n" + paragraphs(command.notes, columns);
  if (!command.examples.empty()) {
    out += "\nexamples:\n";
    std::string_view rest = command.examples;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      out += fmt::format("  {}\n", rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  if (!command.options.empty()) out += "\noptions:\n" + options_help(command.options, columns);
  return out + "\noptions of every command:\n" + options_help(global_options(), columns);
}

std::string group_help(std::string_view group, std::uint32_t columns) {
  std::string out = fmt::format("usage: grid {} VERB\n\n", group);
  out += list_of(std::string(group) + " ", width_of(columns), [](std::string_view) { return true; });
  return out + fmt::format("\nMore: grid {} VERB -h\n", group);
}

std::string overview(std::uint32_t columns) {
  columns = width_of(columns);
  std::string out =
      "grid - look at this machine, find what should run elsewhere, run it there, and show that it did\n\n"
      "usage: grid [OPTIONS] COMMAND\n\n"
      "examples:\n"
      "  grid offload scan              what should leave this machine, and why\n"
      "  grid offload execute 4711      move that process to a worker\n"
      "  grid run -- make -j4           run a command on the best node\n"
      "  grid watch                     nodes, queue and decisions, live\n";
  struct Part {
    std::string_view title;
    bool (*wanted)(std::string_view);
  };
  constexpr std::array<Part, 3> parts{{
      {"commands",
       [](std::string_view path) {
         return path.find(' ') == std::string_view::npos && path != "help" && path != "completion";
       }},
      {"offloading",
       [](std::string_view path) { return path.starts_with("offload ") || path.starts_with("policy "); }},
      {"looking after it",
       [](std::string_view path) {
         return path == "help" || path == "completion" ||
                (path.find(' ') != std::string_view::npos && !path.starts_with("offload ") &&
                 !path.starts_with("policy "));
       }},
  }};
  for (const Part& part : parts)
    out += fmt::format("\n{}:\n{}", part.title, list_of("", columns, part.wanted));
  out += "\noptions:\n" + options_help(global_options(), columns);
  return out + "\nMore: grid help COMMAND, grid help exit-codes\n";
}

std::string exit_codes_help() {
  return "exit codes:\n"
         "    0  done\n"
         "    1  failed\n"
         "    2  wrong usage, or a configuration that does not hold\n"
         "    3  not found: an execution, node, process, plugin, file\n"
         "    4  refused by policy or by the state of things\n"
         "    5  node unreachable, not authenticated, or its host key changed\n"
         "    6  no daemon\n"
         "    7  partly done; the list says what\n"
         "  124  a wait timed out\n"
         "  125  grid failed before the command started, or it has no code of its own\n"
         "  126  the command cannot be run\n"
         "  127  the command was not found\n"
         "128+N  the command was ended by signal N (130: Ctrl-C)\n"
         "\n"
         "'grid run' in the foreground, and 'grid wait', exit with the command's own code; of grid's own "
         "codes\n"
         "'grid run' uses only 124 to 127 there.\n";
}

}  // namespace grid::cli
