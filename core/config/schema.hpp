// The one table behind the configuration: reader, defaults, JSON Schema, `config show` and the reference are
// made from it. A default stands once, as the initialiser of the member a key is bound to (config.hpp).
// [any], constant data.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/options.hpp"

namespace grid {

// What a text must look like beyond being text. `pattern` says the same to a JSON Schema.
struct TextFormat {
  std::string_view expected;  // "a name such as …"
  std::string_view pattern;
  bool (*holds)(std::string_view text);
};

enum class Shape {
  value,            // scalar or list of scalars, by option.type
  object,           // keys of `child`
  objects_by_name,  // name → object
  objects_in_list,
  texts_by_name,   // name → text
  plugin_options,  // "<kind>.<name>" → options of that plugin
};

struct ObjectSpec;

struct KeySpec {
  OptionSpec option;  // name, doc; of values also type, unit, range, choices. default_text is not used
  Shape shape = Shape::value;
  const TextFormat* format = nullptr;       // of a text, or of each element of a list or a map of texts
  const TextFormat* name_format = nullptr;  // of the names in a map
  bool required = false;
  const ObjectSpec* child = nullptr;
  // `parent` is the object that holds the key's member. Values: enums as the text of the choice.
  void (*set)(void* parent, const OptionSpec& spec, const Value& value) = nullptr;
  std::optional<Value> (*get)(const void* parent, const OptionSpec& spec) = nullptr;
  // What a name (or, in a list, the next element) is kept in, made if missing: a child, std::string or
  // Values.
  void* (*place)(void* parent, std::string_view name) = nullptr;
  void (*clear)(void* parent) = nullptr;  // of lists of objects
  struct Child {
    std::string name;  // of a map; empty otherwise
    const void* object;
  };
  std::vector<Child> (*children)(const void* parent) = nullptr;
};

struct ObjectSpec {
  std::span<const KeySpec> keys;
  const void* defaults;  // an object at its defaults
};

// Of Config.
[[nodiscard]] const ObjectSpec& config_schema_table();

// Of a map's element: "nodes.gpu1"; of a list's: "offload.allow[0]".
[[nodiscard]] std::string join_path(std::string_view parent, std::string_view name);
[[nodiscard]] std::string join_path(std::string_view parent, std::size_t index);

// The parts of "a|b|c".
[[nodiscard]] std::vector<std::string> split_choices(std::string_view choices);

}  // namespace grid
