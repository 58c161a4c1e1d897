#include "apps/grid/arguments.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "grid/sdk/bytes.hpp"
#include "grid/sdk/options.hpp"

namespace grid::cli {
namespace {

bool digits(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<double> plain_number(std::string_view word) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(word.data(), word.data() + word.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// The value of a word, in the unit of its type; nothing where it is none.
std::optional<double> measure(ArgType type, std::string_view word) {
  switch (type) {
    case ArgType::count:
    case ArgType::pid:
      return digits(word) ? plain_number(word) : std::nullopt;
    case ArgType::number:
      return plain_number(word);
    case ArgType::duration: {
      if (const auto seconds = plain_number(word)) return seconds;  // `--timeout 5`, as timeout(1) has it
      const auto seconds = parse_duration(word);
      return seconds ? std::optional(*seconds) : std::nullopt;
    }
    case ArgType::size: {
      const auto bytes = parse_size(word);
      return bytes ? std::optional(static_cast<double>(*bytes)) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

std::string_view expectation(ArgType type) {
  switch (type) {
    case ArgType::count:
      return "a whole number";
    case ArgType::number:
      return "a number";
    case ArgType::duration:
      return "a duration such as 30s, 5m or 500ms";
    case ArgType::size:
      return "a size such as 512M or 8G";
    case ArgType::pid:
      return "a process id";
    case ArgType::execution:
      return "an execution id such as 7 or 7.3";
    default:
      return "a value";
  }
}

bool is_execution(std::string_view word) {
  const std::size_t dot = word.find('.');
  return digits(word.substr(0, dot)) && (dot == std::string_view::npos || digits(word.substr(dot + 1)));
}

}  // namespace

Result<> check_word(ArgType type, std::string_view what, std::string_view word, std::string_view choices,
                    double minimum, double maximum) {
  const auto refuse = [&](std::string_view expected, std::string hint = {}) {
    return fail(Code::usage, fmt::format("{}: expected {}, not '{}'", what, expected, visible(word)),
                std::move(hint));
  };
  switch (type) {
    case ArgType::count:
    case ArgType::number:
    case ArgType::duration:
    case ArgType::size:
    case ArgType::pid: {
      const auto value = measure(type, word);
      if (!value) return refuse(expectation(type));
      const double least = type == ArgType::pid ? 1 : minimum;
      if (*value < least) return refuse(fmt::format("{} of at least {}", expectation(type), least));
      if (*value > maximum) return refuse(fmt::format("{} of at most {}", expectation(type), maximum));
      return {};
    }
    case ArgType::execution:
      return is_execution(word) ? Result<>() : refuse(expectation(type), "see: grid ps");
    case ArgType::choice: {
      const auto known = split_choices(choices);
      if (std::find(known.begin(), known.end(), word) != known.end()) return {};
      const std::string_view near = nearest(word, known);
      return refuse(fmt::format("one of {}", fmt::join(known, ", ")),
                    near.empty() ? "" : fmt::format("did you mean '{}'?", near));
    }
    default:
      return {};
  }
}

void Arguments::add(const Option& option, std::string value) {
  values_[std::string(option.name)].push_back(std::move(value));
}

bool Arguments::has(std::string_view name) const { return values_.find(name) != values_.end(); }

std::optional<std::string> Arguments::text(std::string_view name) const {
  const auto found = values_.find(name);
  if (found != values_.end()) return found->second.back();
  const Option* option = find_option(command, name);
  if (option == nullptr || option->fallback.empty()) return std::nullopt;
  return std::string(option->fallback);
}

std::vector<std::string> Arguments::list(std::string_view name) const {
  const auto found = values_.find(name);
  return found != values_.end() ? found->second : std::vector<std::string>();
}

std::optional<double> Arguments::number(std::string_view name) const {
  const auto word = text(name);
  const Option* option = find_option(command, name);
  return word && option != nullptr ? measure(option->type, *word) : std::nullopt;
}

std::optional<std::string> Arguments::positional(std::size_t index) const {
  return index < positionals_.size() ? std::optional(positionals_[index]) : std::nullopt;
}

}  // namespace grid::cli
