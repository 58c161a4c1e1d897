#include "apps/grid/parse.hpp"

#include <fmt/format.h>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>

#include "grid/sdk/bytes.hpp"

namespace grid::cli {
namespace {

namespace po = boost::program_options;

// One word read with the table in hand: Boost knows neither where the command stands nor where `run` ends its
// options.
struct Word {
  bool is_option = false;
  bool wants_next = false;  // its value is the next word
};

Word look_at(const Command* command, std::string_view word) {
  if (word.size() < 2 || word[0] != '-') return {};
  if (word.starts_with("--")) {
    const std::size_t equals = word.find('=');
    const Option* option = find_option(command, word.substr(2, equals - 2));
    return {true, equals == std::string_view::npos && option != nullptr && option->type != ArgType::flag};
  }
  for (std::size_t i = 1; i < word.size(); ++i) {
    const Option* option = find_option(command, word[i]);
    if (option != nullptr && option->type != ArgType::flag) return {true, i + 1 == word.size()};
  }
  return {true, false};
}

struct Split {
  std::vector<std::string> options;  // and their values, and positionals between them
  std::vector<std::string> rest;     // taken as they are
};

void collect_names(std::span<const Option> options, std::vector<std::string>& names) {
  for (const Option& option : options)
    if (!option.hidden) names.push_back("--" + std::string(option.name));
}

Error unknown_option(const Command* command, std::string_view word) {
  std::vector<std::string> names;
  if (command != nullptr) collect_names(command->options, names);
  collect_names(global_options(), names);
  const std::string_view name = word.substr(0, word.find('='));
  const std::string_view near = nearest(name, names);
  return {Code::usage,
          fmt::format("unknown option '{}'", visible(name)),
          near.empty() ? "" : fmt::format("did you mean '{}'?", near),
          {},
          false};
}

Error unknown_command(std::string_view path, std::string_view word) {
  std::vector<std::string> names;
  const std::string prefix = path.empty() ? "" : std::string(path) + " ";
  for (const Command& command : commands())
    if (!command.hidden && command.path.starts_with(prefix)) {
      const std::string_view rest = command.path.substr(prefix.size());
      names.emplace_back(rest.substr(0, rest.find(' ')));
    }
  const std::string_view near = nearest(word, names);
  const std::string hint = near.empty() ? fmt::format("see: grid {}-h", prefix)
                                        : fmt::format("did you mean 'grid {}{}'?", prefix, near);
  return {Code::usage, fmt::format("unknown command '{}{}'", prefix, visible(word)), hint, {}, false};
}

// Walks to the command, then to where its options end.
Result<Split> split(const std::vector<std::string>& words, Invocation& into) {
  Split out;
  const Command*& command = into.arguments.command;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      out.rest.insert(out.rest.end(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      return out;
    }
    const Word seen = look_at(command, word);
    if (seen.is_option) {
      into.help = into.help || word == "-h" || word == "--help";
      into.version = into.version || word == "--version";
      // `--name=` is refused by Boost, an empty value as a word of its own is not.
      const bool empty_value = word.starts_with("--") && word.find('=') == word.size() - 1;
      out.options.push_back(empty_value ? word.substr(0, word.size() - 1) : word);
      if (empty_value) out.options.emplace_back();
      if (seen.wants_next && i + 1 < words.size()) out.options.push_back(words[++i]);
    } else if (command == nullptr) {
      const std::string path = into.path.empty() ? word : into.path + " " + word;
      command = find_command(path);
      if (command == nullptr && !is_group(path)) return fail(unknown_command(into.path, word));
      into.path = path;
    } else if (command->stops_at_positional) {
      out.rest.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
      return out;
    } else {
      out.rest.push_back(word);
    }
  }
  return out;
}

void describe(std::span<const Option> options, po::options_description& into) {
  for (const Option& option : options) {
    const std::string name =
        std::string(option.name) + (option.letter != 0 ? std::string(",") + option.letter : "");
    if (option.type == ArgType::flag)
      into.add_options()(name.c_str(), "");
    else
      into.add_options()(name.c_str(), po::value<std::string>(), "");
  }
}

// Only the parser of Boost is used, not its storage: that refuses a flag given twice, and turns -5 into
// 4294967291.
Result<> parse_options(const std::vector<std::string>& words, Arguments& into) {
  namespace style = po::command_line_style;
  po::options_description description;
  if (into.command != nullptr) describe(into.command->options, description);
  describe(global_options(), description);
  try {
    const auto parsed = po::command_line_parser(words)
                            .options(description)
                            .style(style::unix_style & ~style::allow_guessing)
                            .run();
    for (const po::option& each : parsed.options) {
      const Option* option = find_option(into.command, each.string_key);
      if (option == nullptr) return fail(unknown_option(into.command, each.string_key));
      std::string value = each.value.empty() ? "" : each.value.front();
      if (auto good = check_word(option->type, "--" + std::string(option->name), value, option->choices,
                                 option->minimum, option->maximum);
          !good)
        return good;
      into.add(*option, std::move(value));
    }
  } catch (const po::unknown_option& error) {
    return fail(unknown_option(into.command, error.get_option_name()));
  } catch (const po::invalid_command_line_syntax& error) {
    const std::string name = error.get_option_name();
    const bool missing = error.kind() == po::invalid_syntax::missing_parameter;
    return fail(Code::usage,
                fmt::format("option '{}' {}", name, missing ? "needs a value" : "takes no value"));
  } catch (const po::error& error) {
    return fail(Code::usage, error.what());
  }
  return {};
}

Result<> take_positionals(std::vector<std::string> words, Arguments& into) {
  const auto expected = into.command->positionals;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool last_takes_all = !expected.empty() && expected.back().need == Positional::Need::rest;
    if (i >= expected.size() && !last_takes_all)
      return fail(Code::usage, fmt::format("unexpected argument '{}'", visible(words[i])));
    const Positional& positional = expected[std::min(i, expected.size() - 1)];
    if (auto good = check_word(positional.type, positional.name, words[i], positional.choices); !good)
      return good;
    into.add_positional(std::move(words[i]));
  }
  if (words.size() < expected.size()) {
    const Positional& missing = expected[words.size()];
    if (missing.need == Positional::Need::required || missing.need == Positional::Need::rest)
      return fail(Code::usage, fmt::format("{} is missing", missing.name));
  }
  return {};
}

}  // namespace

Result<> parse(const std::vector<std::string>& words, Invocation& into) {
  auto parts = split(words, into);
  if (into.help || into.version) return {};
  if (!parts) return fail(parts.error());
  if (auto good = parse_options(parts->options, into.arguments); !good) return good;
  if (into.arguments.command == nullptr) {
    if (into.path.empty())
      return parts->rest.empty() ? Result<>() : fail(unknown_command("", parts->rest.front()));
    return fail(Code::usage, fmt::format("'grid {}' needs a verb", into.path),
                fmt::format("see: grid {} -h", into.path));
  }
  return take_positionals(std::move(parts->rest), into.arguments);
}

}  // namespace grid::cli
