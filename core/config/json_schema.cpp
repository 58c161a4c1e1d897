// The table as JSON Schema, draft 7: the newest that the YAML language server reads.
#include <cmath>

#include <fmt/format.h>

#include "core/config/formats.hpp"
#include "core/config/schema.hpp"
#include "core/config/show.hpp"
#include "core/config/value.hpp"

namespace grid {
namespace {

constexpr std::string_view number_pattern = "(0|[1-9][0-9]*)(\\.[0-9]+)?";

Json text_schema(const TextFormat* format) {
  // Unquoted 5 or true where a text is wanted is a text for grid, but not for an editor.
  Json json{{"type", {"string", "number", "boolean"}}};
  if (format != nullptr) json["pattern"] = format->pattern;
  return json;
}

Json type_schema(const OptionSpec& spec, const TextFormat* format) {
  switch (spec.type) {
    case OptionType::boolean:
      return {{"type", "boolean"}};
    case OptionType::integer:
      return {{"type", "integer"}};
    case OptionType::number:
      return {{"type", "number"}};
    case OptionType::text:
      return text_schema(format);
    case OptionType::duration:
      return {{"type", "string"}, {"pattern", fmt::format("^{}(ms|s|m|h|d)$", number_pattern)}};
    case OptionType::size:
      return {{"type", {"integer", "string"}},
              {"pattern", fmt::format("^{}[KMGTP]?(iB|B)?$", number_pattern)}};
    case OptionType::choice:
      return {{"enum", split_choices(spec.choices)}};
    case OptionType::list:
      return {{"type", "array"}, {"items", text_schema(format)}};
  }
  return Json::object();
}

Json value_schema(const OptionSpec& spec, const TextFormat* format) {
  Json json = type_schema(spec, format);
  json["description"] = spec.doc;
  const bool counts = spec.type == OptionType::integer || spec.type == OptionType::number ||
                      spec.type == OptionType::size;  // a pattern cannot know the range of a duration
  if (counts && std::isfinite(spec.minimum)) json["minimum"] = spec.minimum;
  if (counts && std::isfinite(spec.maximum)) json["maximum"] = spec.maximum;
  return json;
}

Json open_object(std::string_view doc) {
  // Nothing is an object of which all is commented out.
  return {{"type", {"object", "null"}}, {"description", doc}, {"additionalProperties", false}};
}

Json plugin_schema(std::span<const OptionSpec> options, std::string_view name) {
  Json json = open_object(fmt::format("Options of {}.", name));
  for (const OptionSpec& option : options) {
    Json schema = value_schema(option, nullptr);
    if (option.type == OptionType::list)
      schema["default"] = Json::array();
    else if (const auto value = parse_option(option, option.default_text))
      schema["default"] = value_to_json(option, *value);
    json["properties"][std::string(option.name)] = std::move(schema);
  }
  return json;
}

class SchemaWriter {
 public:
  SchemaWriter(const OptionLookup& lookup, std::span<const PluginName> plugins)
      : lookup_(lookup), plugins_(plugins) {}

  [[nodiscard]] Json object(const ObjectSpec& spec, std::string_view doc) const {
    Json json = open_object(doc);
    for (const KeySpec& key : spec.keys)
      json["properties"][std::string(key.option.name)] = this->key(key, spec.defaults);
    return json;
  }

 private:
  [[nodiscard]] Json key(const KeySpec& key, const void* defaults) const {
    const OptionSpec& option = key.option;
    switch (key.shape) {
      case Shape::value:
        return value(key, defaults);
      case Shape::object:
        return object(*key.child, option.doc);
      case Shape::objects_by_name:
        return by_name(key, object(*key.child, ""));
      case Shape::texts_by_name:
        return by_name(key, text_schema(key.format));
      case Shape::plugin_options:
        return plugins(key);
      case Shape::objects_in_list:
        break;
    }
    Json items = object(*key.child, "");
    items["type"] = "object";
    for (const KeySpec& each : key.child->keys)
      if (each.required)
        items["required"].push_back(each.option.name);  // of a map's it may stand in another file
    return {{"type", {"array", "null"}}, {"description", option.doc}, {"items", std::move(items)}};
  }

  [[nodiscard]] static Json value(const KeySpec& key, const void* defaults) {
    Json json = value_schema(key.option, key.format);
    const auto otherwise = key.get(defaults, key.option);
    if (otherwise && *otherwise != Value(std::string()))
      json["default"] = value_to_json(key.option, *otherwise);
    return json;
  }

  [[nodiscard]] static Json by_name(const KeySpec& key, Json child) {
    Json json = open_object(key.option.doc);
    json["patternProperties"][std::string(key.name_format->pattern)] = std::move(child);
    return json;
  }

  [[nodiscard]] Json plugins(const KeySpec& key) const {
    Json json = open_object(key.option.doc);
    for (const auto& [kind, name] : plugins_) {
      const std::string full = fmt::format("{}.{}", to_string(kind), name);
      const auto options = lookup_ ? lookup_(kind, name) : fail(Code::not_found, "");
      json["properties"][full] = options ? plugin_schema(*options, full) : Json::object();
    }
    if (plugins_.empty()) json["patternProperties"][std::string(plugin_key_format.pattern)] = Json::object();
    return json;
  }

  const OptionLookup& lookup_;
  std::span<const PluginName> plugins_;
};

}  // namespace

Json config_schema(const OptionLookup& lookup, std::span<const PluginName> plugins) {
  Json json = SchemaWriter(lookup, plugins).object(config_schema_table(), "The configuration of grid.");
  json["$schema"] = "http://json-schema.org/draft-07/schema#";
  json["title"] = "grid.yaml";
  json["type"] = "object";
  return json;
}

}  // namespace grid
