#include "apps/grid/complete.hpp"

#include "grid/sdk/bytes.hpp"

namespace grid::cli {
namespace {

void add_matching(std::vector<Completion>& into, Completion completion, std::string_view start) {
  if (completion.word.starts_with(start)) into.push_back(std::move(completion));
}

// Values for a place that wants `type`; each is put behind `prefix`.
void add_values(Completions& into, ArgType type, std::string_view choices, std::string_view start,
                std::string_view prefix, const CompletionSource& source) {
  switch (type) {
    case ArgType::choice:
      for (std::string& choice : split_choices(choices))
        if (choice.starts_with(start)) into.words.push_back({std::string(prefix) + choice, ""});
      break;
    case ArgType::path:
      into.files = true;
      break;
    case ArgType::shell_command:
      into.programs = into.files = true;
      break;
    case ArgType::pid:
    case ArgType::execution:
    case ArgType::node:
    case ArgType::plugin:
      for (Completion& each : source(type))
        if (each.word.starts_with(start))
          into.words.push_back({std::string(prefix) + each.word, std::move(each.help)});
      break;
    default:
      break;
  }
}

void add_options(Completions& into, const Command* command, std::string_view start) {
  const auto add = [&](std::span<const Option> options) {
    for (const Option& option : options)
      if (!option.hidden)
        add_matching(into.words, {"--" + std::string(option.name), std::string(option.help)}, start);
  };
  if (command != nullptr) add(command->options);
  add(global_options());
}

void add_commands(Completions& into, const std::string& path, std::string_view start) {
  const std::string prefix = path.empty() ? "" : path + " ";
  for (const Command& command : commands()) {
    if (command.hidden || !command.path.starts_with(prefix)) continue;
    const std::string_view rest = command.path.substr(prefix.size());
    const std::string word(rest.substr(0, rest.find(' ')));
    if (!into.words.empty() && into.words.back().word == word) continue;  // verbs of one group stand together
    const bool whole = word.size() == rest.size();
    add_matching(into.words, {word, whole ? std::string(command.summary) : ""}, start);
  }
}

// `--original`, `=`, `pa` → `--original=pa`. True where the word being typed was put together.
bool join_at_equals(std::vector<std::string>& words) {
  bool joined_last = false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] != "=" || !words[i - 1].starts_with("--")) continue;
    std::string value = i + 1 < words.size() ? words[i + 1] : "";
    joined_last = i + 2 >= words.size();
    words[i - 1] += "=" + value;
    const auto from = words.begin() + static_cast<std::ptrdiff_t>(i);
    words.erase(from, i + 1 < words.size() ? from + 2 : from + 1);
  }
  return joined_last;
}

}  // namespace

Completions complete_words(std::vector<std::string> words, const CompletionSource& source) {
  Completions out;
  if (words.empty()) words.emplace_back();
  const bool value_alone = join_at_equals(words);
  const std::string last = words.back();
  words.pop_back();

  const Command* command = nullptr;
  const Option* waiting = nullptr;  // an option whose value comes next
  std::string path;
  std::size_t positionals = 0;
  bool options_over = false;
  for (const std::string& word : words) {
    if (waiting != nullptr) {
      waiting = nullptr;
    } else if (!options_over && word == "--") {
      options_over = true;
    } else if (!options_over && word.size() > 1 && word[0] == '-') {
      const Option* option = word.starts_with("--") ? find_option(command, std::string_view(word).substr(2))
                                                    : find_option(command, word.back());
      if (option != nullptr && option->type != ArgType::flag) waiting = option;
    } else if (command == nullptr) {
      path = path.empty() ? word : path + " " + word;
      command = find_command(path);
      if (command == nullptr && !is_group(path)) return out;
    } else {
      ++positionals;
      options_over = options_over || command->stops_at_positional;
    }
  }

  if (waiting != nullptr) {
    add_values(out, waiting->type, waiting->choices, last, "", source);
  } else if (!options_over && last.starts_with("--") && last.find('=') != std::string::npos) {
    const std::size_t equals = last.find('=');
    const Option* option = find_option(command, std::string_view(last).substr(2, equals - 2));
    if (option != nullptr)
      add_values(out, option->type, option->choices, std::string_view(last).substr(equals + 1),
                 value_alone ? "" : last.substr(0, equals + 1), source);
  } else if (!options_over && last.starts_with("-")) {
    add_options(out, command, last);
  } else if (command == nullptr) {
    add_commands(out, path, last);
  } else if (command->path == "help") {
    add_commands(out, words.back() == "help" ? "" : words.back(), last);
    if (words.back() == "help") add_matching(out.words, {"exit-codes", "what the exit codes mean"}, last);
  } else if (!command->positionals.empty()) {
    const auto& expected = command->positionals;
    const bool rest = expected.back().need == Positional::Need::rest;
    if (positionals >= expected.size() && rest)
      out.files = true;
    else if (positionals < expected.size())
      add_values(out, expected[positionals].type, expected[positionals].choices, last, "", source);
  }
  return out;
}

std::string to_lines(const Completions& completions) {
  std::string out;
  for (const Completion& each : completions.words)
    out += visible(each.word) + "\t" + visible(each.help) + "\n";
  if (completions.files) out += ":files\n";
  if (completions.programs) out += ":programs\n";
  return out;
}

std::string_view completion_script(std::string_view shell) noexcept {
  constexpr std::string_view bash = R"(# bash completion for grid; load it: source <(grid completion bash)
_grid() {
  local current=${COMP_WORDS[COMP_CWORD]} line
  [[ $current == '=' ]] && current=
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current") ;;
      :programs) while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -c -- "$current") ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <(grid __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _grid grid
)";
  constexpr std::string_view zsh = R"(#compdef grid
# zsh completion for grid; put it into a folder of $fpath as _grid
_grid() {
  local line
  local -a found
  for line in "${(@f)$(grid __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :files) _files ;;
      :programs) _command_names -e ;;
      *) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  (( ${#found} )) && _describe -t grid grid found
}
compdef _grid grid
)";
  constexpr std::string_view fish = R"(# fish completion for grid
function __grid_complete
    set -l words (commandline -opc)
    set -e words[1]
    for line in (grid __complete -- $words (commandline -ct) 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path (commandline -ct)
            case ':programs'
                __fish_complete_command
            case '*'
                echo $line
        end
    end
end
complete -c grid -f -a '(__grid_complete)'
)";
  return shell == "bash" ? bash : shell == "zsh" ? zsh : fish;
}

}  // namespace grid::cli
