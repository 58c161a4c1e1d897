#include "core/config/value.hpp"

#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

std::string_view description(OptionType type) {
  switch (type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::integer:
      return "a whole number";
    case OptionType::number:
      return "a number";
    case OptionType::text:
      return "a text";
    case OptionType::duration:
      return "a duration such as 500ms, 20s, 5m, 2h or 1d";
    case OptionType::size:
      return "a size such as 512M or 8G";
    case OptionType::choice:
      return "one of the choices";
    case OptionType::list:
      return "a list such as [a, b]";
  }
  return "";
}

std::string description(const OptionSpec& spec) {
  if (spec.type == OptionType::choice)
    return fmt::format("{}", fmt::join(split_choices(spec.choices), " or "));
  return std::string(description(spec.type));
}

bool is_numeric(OptionType type) {
  return type == OptionType::integer || type == OptionType::number || type == OptionType::duration ||
         type == OptionType::size;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What one may have meant by a scalar that does not fit; "" when there is nothing to say.
std::string advice(const OptionSpec& spec, const YamlNode& node) {
  const std::string& text = node.text;
  if (spec.type == OptionType::boolean) {
    for (const std::string_view yes : {"yes", "Yes", "YES", "on", "On", "ON", "y", "Y", "True", "TRUE", "1"})
      if (text == yes) return "; write true";
    for (const std::string_view no : {"no", "No", "NO", "off", "Off", "OFF", "n", "N", "False", "FALSE", "0"})
      if (text == no) return "; write false";
  }
  if (spec.type == OptionType::choice) return did_you_mean(text, split_choices(spec.choices));
  if (!is_numeric(spec.type)) return {};
  if (text.size() > 1 && text[0] == '0') {
    if (is_digit(text[1]))
      return "; numbers are decimal, without leading zeros: some readers take this one as octal";
    if (std::string_view("xXoObB").find(text[1]) != std::string_view::npos)
      return "; only decimal numbers are read";
  }
  if (text.ends_with('%') && spec.type == OptionType::number) return "; write a fraction such as 0.85";
  if (spec.type == OptionType::duration && !text.empty() && is_digit(text.back()))
    return fmt::format("; the unit is missing, as in {}s", text);
  return {};
}

// Octal in the eyes of some readers, so of none here.
bool has_leading_zero(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && is_digit(text[1]);
}

bool is_out_of_range(OptionSpec spec, std::string_view text) {
  spec.minimum = -std::numeric_limits<double>::infinity();
  spec.maximum = std::numeric_limits<double>::infinity();
  return parse_option(spec, text).has_value();
}

// "at least 1M", "0.1s to 1d": the bounds as one would write them.
std::string range(const OptionSpec& spec) {
  const auto written = [&](double bound) {
    if (spec.type == OptionType::size || spec.type == OptionType::integer)
      return value_to_text(spec, static_cast<std::int64_t>(bound));
    return value_to_text(spec, bound);
  };
  if (spec.minimum == spec.maximum) return written(spec.minimum);
  if (!std::isfinite(spec.minimum)) return "at most " + written(spec.maximum);
  if (!std::isfinite(spec.maximum)) return "at least " + written(spec.minimum);
  return written(spec.minimum) + " to " + written(spec.maximum);
}

std::optional<Value> read_scalar(const OptionSpec& spec, const TextFormat* format, const YamlNode& node,
                                 const std::string& path, std::vector<YamlError>& errors) {
  const auto refuse = [&](std::string message) {
    errors.push_back({node.place, path, std::move(message)});
    return std::nullopt;
  };
  if (node.type != YamlNode::Type::scalar) return refuse(expected_but_got(description(spec), node));
  const bool unquoted =
      spec.type == OptionType::boolean || spec.type == OptionType::integer || spec.type == OptionType::number;
  if (unquoted && node.quoted)
    return refuse(
        fmt::format("expected {}, got the text '{}'; write it without quotes", description(spec), node.text));
  if (is_numeric(spec.type) && has_leading_zero(node.text))
    return refuse(expected_but_got(description(spec), node) + advice(spec, node));
  auto value = parse_option(spec, node.text);
  if (!value) {
    std::string message = value.error().message;
    if (spec.type == OptionType::choice) message = expected_but_got(description(spec), node);
    if (is_out_of_range(spec, node.text)) message = expected_but_got(range(spec), node);
    return refuse(message + advice(spec, node));
  }
  if (format != nullptr && !format->holds(node.text)) return refuse(expected_but_got(format->expected, node));
  return std::move(*value);
}

}  // namespace

std::string expected_but_got(std::string_view expected, const YamlNode& node) {
  return node.type == YamlNode::Type::scalar
             ? fmt::format("expected {}, got '{}'", expected, node.text)
             : fmt::format("expected {}, got {}", expected, to_string(node.type));
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  const std::string_view name = nearest(word, names);
  return name.empty() ? "" : fmt::format("; did you mean '{}'?", name);
}

std::optional<Value> read_value(const OptionSpec& spec, const TextFormat* format, const YamlNode& node,
                                const std::string& path, std::vector<YamlError>& errors) {
  if (spec.type != OptionType::list) return read_scalar(spec, format, node, path, errors);
  if (node.type != YamlNode::Type::sequence) {
    errors.push_back({node.place, path, expected_but_got(description(spec), node)});
    return std::nullopt;
  }
  OptionSpec element = spec;
  element.type = OptionType::text;
  std::vector<std::string> list;
  const std::size_t before = errors.size();
  for (std::size_t i = 0; i < node.items.size(); ++i)
    if (auto text = read_scalar(element, format, node.items[i], join_path(path, i), errors))
      list.push_back(std::get<std::string>(std::move(*text)));
  if (errors.size() != before) return std::nullopt;
  return Value(std::move(list));
}

std::string value_to_text(const OptionSpec& spec, const Value& value) {
  const Json json = value_to_json(spec, value);
  return json.is_string() ? json.get<std::string>() : dump_json(json);
}

Json value_to_json(const OptionSpec& spec, const Value& value) {
  if (spec.type == OptionType::duration) {
    const double seconds = std::get<double>(value);
    struct Unit {
      std::string_view suffix;
      double seconds;
    };
    constexpr std::array<Unit, 4> units{{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}}};
    for (const Unit& unit : units)
      if (seconds >= unit.seconds && std::fmod(seconds, unit.seconds) == 0)
        return fmt::format("{}{}", seconds / unit.seconds, unit.suffix);
    return fmt::format("{}s", seconds);
  }
  if (spec.type == OptionType::size) {
    std::int64_t bytes = std::get<std::int64_t>(value);
    std::size_t unit = 0;
    while (unit < 4 && bytes != 0 && bytes % 1024 == 0) {
      bytes /= 1024;
      ++unit;
    }
    return unit == 0 ? Json(bytes) : Json(fmt::format("{}{}", bytes, "KMGT"[unit - 1]));
  }
  return std::visit([](const auto& plain) { return Json(plain); }, value);
}

}  // namespace grid
