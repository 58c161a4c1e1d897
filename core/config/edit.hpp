// A change of a configuration file that keeps all else in it as it is, comments too: a node comes in. Pure.
// [any]
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/result.hpp"

namespace grid {

struct NewNode {
  std::string name;
  std::string transport;  // empty: the default one
  std::string address;    // empty: its name
  std::vector<std::string> labels;
};

// "gpu1: { address: \"me@10.0.0.11\", labels: [gpu] }"
[[nodiscard]] std::string node_line(const NewNode& node);

// `text` with `node` as the first one under `nodes:`. Errors: config_invalid, `text` is not good YAML;
// resource_conflict, the node is there already, or the file is written in a way that cannot be added to
// safely: the hint says what to write by hand.
[[nodiscard]] Result<std::string> with_node(std::string_view text, const NewNode& node);

}  // namespace grid
