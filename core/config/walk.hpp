// One file's tree laid over a Config, key by key along the schema. Internal to config. [any]
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/config/load.hpp"
#include "core/config/schema.hpp"
#include "core/config/yaml.hpp"

namespace grid {

// Where the effective value of a path is stated.
struct Origin {
  std::size_t layer = 0;
  YamlPlace place;
};
using Origins = std::map<std::string, Origin, std::less<>>;

// A complaint before its file has a name.
struct LayerError {
  std::size_t layer = 0;
  YamlError error;
};

struct Walk {
  Config& config;
  Origins origins;
  std::vector<LayerError> errors;
  std::vector<std::string> unchecked;  // plugins whose options were skipped for want of a lookup
};

// What `root` states replaces (scalars, lists) or extends (maps) what `walk.config` holds.
void walk_layer(Walk& walk, std::size_t layer, const YamlNode& root, const OptionLookup& lookup);

// After the last layer: required keys, and what several keys must agree on.
void check_config(Walk& walk, const OptionLookup& lookup);

}  // namespace grid
