#include "core/config/show.hpp"

#include <fmt/format.h>

#include "core/config/schema.hpp"
#include "core/config/value.hpp"

namespace grid {
namespace {

bool is_unset(const Json& json) { return json.is_string() && json.get_ref<const std::string&>().empty(); }

// A rule of offload.allow as one object: its place in the list means nothing to a path.
Json flat_object(const ObjectSpec& spec, const void* object) {
  Json json = Json::object();
  for (const KeySpec& key : spec.keys)
    if (const auto value = key.get(object, key.option))
      if (Json shown = value_to_json(key.option, *value); !is_unset(shown))
        json[std::string(key.option.name)] = shown;
  return json;
}

Json plain(const Value& value) {
  return std::visit([](const auto& each) { return Json(each); }, value);
}

void add_values(Json& values, const ObjectSpec& spec, const void* object, const std::string& path) {
  for (const KeySpec& key : spec.keys) {
    const std::string key_path = join_path(path, key.option.name);
    switch (key.shape) {
      case Shape::value:
        if (const auto value = key.get(object, key.option))
          if (Json shown = value_to_json(key.option, *value); !is_unset(shown))
            values[key_path] = std::move(shown);
        break;
      case Shape::object:
        add_values(values, *key.child, key.children(object).front().object, key_path);
        break;
      case Shape::objects_by_name:
        for (const auto& [name, child] : key.children(object))
          add_values(values, *key.child, child, join_path(key_path, name));
        break;
      case Shape::objects_in_list:
        values[key_path] = Json::array();
        for (const auto& child : key.children(object))
          values[key_path].push_back(flat_object(*key.child, child.object));
        break;
      case Shape::texts_by_name:
        for (const auto& [name, text] : key.children(object))
          values[join_path(key_path, name)] = *static_cast<const std::string*>(text);
        break;
      case Shape::plugin_options:
        for (const auto& [name, options] : key.children(object))
          for (const auto& [option, value] : *static_cast<const Values*>(options))
            values[join_path(join_path(key_path, name), option)] = plain(value);
        break;
    }
  }
}

}  // namespace

Json config_to_json(const LoadResult& result) {
  Json values = Json::object();
  add_values(values, config_schema_table(), &result.config, "");
  return {{"schema", "grid/config/1"}, {"values", std::move(values)}, {"origins", result.origins}};
}

Json check_to_json(const LoadResult& result) {
  Json errors = Json::array();
  for (const ConfigError& error : result.errors)
    errors.push_back({{"file", error.file},
                      {"line", error.line},
                      {"column", error.column},
                      {"path", error.path},
                      {"message", error.message}});
  return {{"schema", "grid/config-check/1"}, {"files", result.files}, {"errors", std::move(errors)}};
}

}  // namespace grid
