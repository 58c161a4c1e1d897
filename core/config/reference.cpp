// The configuration as text for people: the reference, and a first file.
#include <fmt/format.h>

#include "core/config/schema.hpp"
#include "core/config/show.hpp"
#include "core/config/value.hpp"

namespace grid {
namespace {

std::string_view type_name(const KeySpec& key) {
  switch (key.shape) {
    case Shape::object:
      return "mapping";
    case Shape::objects_by_name:
    case Shape::texts_by_name:
    case Shape::plugin_options:
      return "mapping by name";
    case Shape::objects_in_list:
      return "list of mappings";
    case Shape::value:
      break;
  }
  switch (key.option.type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::integer:
      return "whole number";
    case OptionType::number:
      return "number";
    case OptionType::text:
      return "text";
    case OptionType::duration:
      return "duration";
    case OptionType::size:
      return "size";
    case OptionType::choice:
      return "choice";
    case OptionType::list:
      return "list of texts";
  }
  return "";
}

std::string default_of(const KeySpec& key, const void* defaults) {
  if (key.required) return "required";
  if (key.shape != Shape::value) return "";
  const auto value = key.get(defaults, key.option);
  if (!value || *value == Value(std::string())) return "";
  return fmt::format("`{}`", value_to_text(key.option, *value));
}

void add_rows(std::string& text, const ObjectSpec& spec, const std::string& path) {
  for (const KeySpec& key : spec.keys) {
    std::string key_path = join_path(path, key.option.name);
    std::string doc(key.option.doc);
    if (!key.option.choices.empty())
      doc += fmt::format(" One of {}.", fmt::join(split_choices(key.option.choices), ", "));
    text += fmt::format("| `{}` | {} | {} | {} |\n", key_path, type_name(key), default_of(key, spec.defaults),
                        doc);
    if (key.shape == Shape::objects_by_name) key_path += ".NAME";
    if (key.shape == Shape::objects_in_list) key_path += "[]";
    if (key.child != nullptr) add_rows(text, *key.child, key_path);
  }
}

}  // namespace

std::string config_reference() {
  std::string text = "| key | type | default | meaning |\n|---|---|---|---|\n";
  add_rows(text, config_schema_table(), "");
  return text;
}

std::string config_init_text(std::string_view schema) {
  return fmt::format(R"(# yaml-language-server: $schema={}
# What grid should know beyond its profile. Look at all of it: grid config show. Check it: grid config check
version: 1

# The machines that may take work. Without any, grid watches this one.
nodes:
  # gpu1: {{ transport: ssh, address: me@10.0.0.11, labels: [gpu] }}
  # sim1: {{ transport: local, simulated: true, cpus: 4, memory: 8G }}   # this machine in disguise, to try things

# When there is too much to do here: fractions of this machine, and for how long.
plugins:
  # policy.threshold: {{ cpu_high: 0.85, cpu_low: 0.60, memory_high: 0.90, sustain: 20s }}

# What may leave this machine. grid offload auto moves nothing that is not named here.
offload:
  allow:
    # - {{ command: "python*", loss: allowed }}   # loss: may start again from the beginning
    # - {{ command: /usr/bin/node }}
  cooldown: 10m
)",
                     schema);
}

}  // namespace grid
