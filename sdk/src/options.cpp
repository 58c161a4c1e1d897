#include "grid/sdk/options.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace grid {
namespace {

// The whole of `text` as a number, or nothing. No blanks, no sign but '-', no octal, no "inf" or "nan".
template <class Number>
bool parse_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  if constexpr (std::is_floating_point_v<Number>)
    return std::isfinite(out);
  else
    return text.size() == 1 || (text[0] == '-' ? text.size() == 2 || text[1] != '0' : text[0] != '0');
}

tl::unexpected<Error> expected(std::string_view what, std::string_view text) {
  return fail(Code::usage, "expected " + std::string(what) + ", got '" + std::string(text) + "'");
}

std::string plain(double value) {
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

Result<Value> in_range(const OptionSpec& spec, double number, Value value, std::string_view text) {
  if (number >= spec.minimum && number <= spec.maximum) return value;
  std::string range = "a value";
  if (std::isfinite(spec.minimum)) range += " from " + plain(spec.minimum);
  if (std::isfinite(spec.maximum)) range += " up to " + plain(spec.maximum);
  if (!spec.unit.empty()) range += " (" + std::string(spec.unit) + ")";
  return expected(range, text);
}

bool is_choice(std::string_view choices, std::string_view text) {
  while (!choices.empty()) {
    const std::size_t bar = choices.find('|');
    if (choices.substr(0, bar) == text) return true;
    if (bar == std::string_view::npos) break;
    choices.remove_prefix(bar + 1);
  }
  return false;
}

}  // namespace

Result<double> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view suffix;
    double seconds;
  };
  constexpr std::array<Unit, 5> units{{{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}};
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.suffix)) continue;
    double number = 0;
    if (parse_number(text.substr(0, text.size() - unit.suffix.size()), number) && number >= 0)
      return number * unit.seconds;
    break;
  }
  return expected("a duration such as 500ms, 20s, 5m, 2h or 1d", text);
}

Result<std::int64_t> parse_size(std::string_view text) {
  std::string_view digits = text;
  for (std::string_view suffix : {"iB", "B"})
    if (digits.ends_with(suffix)) {
      digits.remove_suffix(suffix.size());
      break;
    }
  int shift = 0;
  if (!digits.empty()) {
    const std::size_t unit = std::string_view("KMGTP").find(digits.back());
    if (unit != std::string_view::npos) {
      shift = 10 * static_cast<int>(unit + 1);
      digits.remove_suffix(1);
    }
  }
  double number = 0;
  if (!digits.empty() && parse_number(digits, number) && number >= 0) {
    const double bytes = std::ldexp(number, shift);
    if (bytes < 9.2e18) return static_cast<std::int64_t>(bytes);
  }
  return expected("a size such as 512M or 8G (powers of 1024)", text);
}

Result<Value> parse_option(const OptionSpec& spec, std::string_view text) {
  switch (spec.type) {
    case OptionType::boolean:
      if (text == "true") return Value(true);
      if (text == "false") return Value(false);
      return expected("true or false", text);
    case OptionType::integer: {
      std::int64_t number = 0;
      if (!parse_number(text, number)) return expected("a whole number", text);
      return in_range(spec, static_cast<double>(number), Value(number), text);
    }
    case OptionType::number: {
      double number = 0;
      if (!parse_number(text, number)) return expected("a number", text);
      return in_range(spec, number, Value(number), text);
    }
    case OptionType::duration: {
      const auto seconds = parse_duration(text);
      if (!seconds) return fail(seconds.error());
      return in_range(spec, *seconds, Value(*seconds), text);
    }
    case OptionType::size: {
      const auto bytes = parse_size(text);
      if (!bytes) return fail(bytes.error());
      return in_range(spec, static_cast<double>(*bytes), Value(*bytes), text);
    }
    case OptionType::choice:
      if (is_choice(spec.choices, text)) return Value(std::string(text));
      return expected("one of " + std::string(spec.choices), text);
    case OptionType::text:
    case OptionType::list:
      return Value(std::string(text));
  }
  return fail(Code::internal, "an option of an unknown type");
}

Values default_values(std::span<const OptionSpec> specs) {
  Values values;
  for (const OptionSpec& spec : specs) {
    if (spec.type == OptionType::list) {
      values[std::string(spec.name)] = std::vector<std::string>{};
    } else if (auto value = parse_option(spec, spec.default_text)) {
      values[std::string(spec.name)] = std::move(*value);
    }
  }
  return values;
}

namespace {

template <class T>
const T& get(const Values& values, std::string_view name) {
  const auto found = values.find(name);
  if (found == values.end()) throw std::logic_error("option '" + std::string(name) + "' was never declared");
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) throw std::logic_error("option '" + std::string(name) + "' has another type");
  return *value;
}

}  // namespace

bool Options::boolean(std::string_view name) const { return get<bool>(values_, name); }
std::int64_t Options::integer(std::string_view name) const { return get<std::int64_t>(values_, name); }
double Options::number(std::string_view name) const {
  const auto found = values_.find(name);
  if (found != values_.end())
    if (const auto* whole = std::get_if<std::int64_t>(&found->second)) return static_cast<double>(*whole);
  return get<double>(values_, name);
}
const std::string& Options::text(std::string_view name) const { return get<std::string>(values_, name); }
const std::vector<std::string>& Options::list(std::string_view name) const {
  return get<std::vector<std::string>>(values_, name);
}

}  // namespace grid
