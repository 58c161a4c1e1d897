#include "apps/grid/options.hpp"

#include <algorithm>

namespace grid::cli {
namespace {

template <class Matches>
const Option* find_if(const Command* command, Matches matches) noexcept {
  if (command != nullptr)
    for (const Option& option : command->options)
      if (matches(option)) return &option;
  for (const Option& option : global_options())
    if (matches(option)) return &option;
  return nullptr;
}

}  // namespace

const Command* find_command(std::string_view path) noexcept {
  for (const Command& command : commands())
    if (command.path == path) return &command;
  return nullptr;
}

bool is_group(std::string_view path) noexcept {
  return std::any_of(commands().begin(), commands().end(), [&](const Command& command) {
    return command.path.size() > path.size() && command.path.starts_with(path) &&
           command.path[path.size()] == ' ';
  });
}

const Option* find_option(const Command* command, std::string_view name) noexcept {
  return find_if(command, [&](const Option& option) { return option.name == name; });
}

const Option* find_option(const Command* command, char letter) noexcept {
  return find_if(command, [&](const Option& option) { return letter != 0 && option.letter == letter; });
}

std::vector<std::string> split_choices(std::string_view choices) {
  std::vector<std::string> out;
  while (!choices.empty()) {
    const std::size_t bar = std::min(choices.find('|'), choices.size());
    out.emplace_back(choices.substr(0, bar));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return out;
}

}  // namespace grid::cli
