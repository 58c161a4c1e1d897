#include "core/config/walk.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/config/value.hpp"

namespace grid {
namespace {

class Walker {
 public:
  Walker(Walk& walk, std::size_t layer, const OptionLookup& lookup)
      : walk_(walk), layer_(layer), lookup_(lookup) {}

  void object(const YamlNode& node, const ObjectSpec& spec, void* into, const std::string& path) {
    for (const YamlEntry& entry : entries(node, path)) {
      const std::string key_path = join_path(path, entry.name);
      const auto key = std::find_if(spec.keys.begin(), spec.keys.end(),
                                    [&](const KeySpec& each) { return each.option.name == entry.name; });
      if (key == spec.keys.end()) {
        unknown(entry, key_path, "key", spec.keys, [](const KeySpec& each) { return each.option.name; });
        continue;
      }
      state(key_path, entry.place);
      this->key(entry.value, *key, into, key_path);
    }
  }

 private:
  void key(const YamlNode& node, const KeySpec& key, void* parent, const std::string& path) {
    switch (key.shape) {
      case Shape::value:
        forget_elements(path);
        if (auto value = read(key.option, key.format, node, path)) key.set(parent, key.option, *value);
        return;
      case Shape::object:
        object(node, *key.child, key.place(parent, {}), path);
        return;
      case Shape::objects_in_list:
        list(node, key, parent, path);
        return;
      case Shape::objects_by_name:
      case Shape::texts_by_name:
      case Shape::plugin_options:
        map(node, key, parent, path);
        return;
    }
  }

  void list(const YamlNode& node, const KeySpec& key, void* parent, const std::string& path) {
    if (node.type == YamlNode::Type::nothing) return;
    if (node.type != YamlNode::Type::sequence)
      return complain(node.place, path, expected_but_got("a list", node));
    key.clear(parent);
    forget_elements(path);
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const std::string item_path = join_path(path, i);
      state(item_path, node.items[i].place);
      object(node.items[i], *key.child, key.place(parent, {}), item_path);
    }
  }

  void map(const YamlNode& node, const KeySpec& key, void* parent, const std::string& path) {
    for (const YamlEntry& entry : entries(node, path)) {
      const std::string entry_path = join_path(path, entry.name);
      if (!key.name_format->holds(entry.name)) {
        complain(entry.place, entry_path,
                 fmt::format("expected {}, got '{}'", key.name_format->expected, entry.name));
        continue;
      }
      state(entry_path, entry.place);
      if (key.shape == Shape::objects_by_name) {
        object(entry.value, *key.child, key.place(parent, entry.name), entry_path);
      } else if (key.shape == Shape::plugin_options) {
        plugin(entry, *static_cast<Values*>(key.place(parent, entry.name)), entry_path);
      } else if (auto value = read(OptionSpec{}, key.format, entry.value, entry_path)) {
        *static_cast<std::string*>(key.place(parent, entry.name)) = std::get<std::string>(*value);
      }
    }
  }

  void plugin(const YamlEntry& entry, Values& options, const std::string& path) {
    if (!lookup_) {
      if (std::find(walk_.unchecked.begin(), walk_.unchecked.end(), entry.name) == walk_.unchecked.end())
        walk_.unchecked.push_back(entry.name);
      return;
    }
    const std::size_t dot = entry.name.find('.');
    const std::string_view kind_name = std::string_view(entry.name).substr(0, dot);
    Kind kind = Kind::policy;
    for (const Kind each : {Kind::policy, Kind::transport, Kind::metrics, Kind::renderer})
      if (to_string(each) == kind_name) kind = each;
    const auto specs = lookup_(kind, std::string_view(entry.name).substr(dot + 1));
    if (!specs) return complain(entry.place, path, describe(specs.error()));
    for (const YamlEntry& option : entries(entry.value, path)) {
      const std::string option_path = join_path(path, option.name);
      const auto spec = std::find_if(specs->begin(), specs->end(),
                                     [&](const OptionSpec& each) { return each.name == option.name; });
      if (spec == specs->end()) {
        unknown(option, option_path, "option", *specs, [](const OptionSpec& each) { return each.name; });
        continue;
      }
      state(option_path, option.place);
      if (auto value = read(*spec, nullptr, option.value, option_path))
        options[option.name] = std::move(*value);
    }
  }

  // Of a mapping; nothing is a mapping without entries, so that all of it can be commented out.
  const std::vector<YamlEntry>& entries(const YamlNode& node, const std::string& path) {
    if (node.type == YamlNode::Type::scalar || node.type == YamlNode::Type::sequence) {
      const bool glued =
          node.type == YamlNode::Type::scalar && !node.quoted && node.text.find(':') != std::string::npos;
      complain(node.place, path,
               expected_but_got("a mapping", node) + (glued ? "; a blank is needed after ':'" : ""));
    }
    return node.entries;
  }

  std::optional<Value> read(const OptionSpec& spec, const TextFormat* format, const YamlNode& node,
                            const std::string& path) {
    std::vector<YamlError> errors;
    auto value = read_value(spec, format, node, path, errors);
    for (YamlError& error : errors) walk_.errors.push_back({layer_, std::move(error)});
    for (std::size_t i = 0; i < node.items.size(); ++i) state(join_path(path, i), node.items[i].place);
    return value;
  }

  template <class Specs, class Name>
  void unknown(const YamlEntry& entry, const std::string& path, std::string_view what, const Specs& specs,
               Name name) {
    std::vector<std::string> names;
    for (const auto& spec : specs) names.emplace_back(name(spec));
    std::string guess = did_you_mean(entry.name, names);
    if (guess.empty() && !names.empty()) guess = fmt::format("; known are {}", fmt::join(names, ", "));
    complain(entry.place, path, fmt::format("unknown {}{}", what, guess));
  }

  static std::string describe(const Error& error) {
    return error.hint.empty() ? error.message : error.message + "; " + error.hint;
  }

  void complain(YamlPlace place, const std::string& path, std::string message) {
    walk_.errors.push_back({layer_, {place, path, std::move(message)}});
  }

  void state(const std::string& path, YamlPlace place) { walk_.origins[path] = {layer_, place}; }

  // Of a list that a lower layer stated and this one replaces.
  void forget_elements(const std::string& path) {
    const auto first = walk_.origins.lower_bound(path + "[");
    auto last = first;
    while (last != walk_.origins.end() && last->first.starts_with(path + "[")) ++last;
    walk_.origins.erase(first, last);
  }

  Walk& walk_;
  std::size_t layer_;
  const OptionLookup& lookup_;
};

}  // namespace

void walk_layer(Walk& walk, std::size_t layer, const YamlNode& root, const OptionLookup& lookup) {
  Walker(walk, layer, lookup).object(root, config_schema_table(), &walk.config, "");
}

}  // namespace grid
