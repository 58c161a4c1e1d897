// The strict reader: bytes → a tree of our own, or every complaint with its place. It knows no key and no
// type: what a scalar means is decided by the schema. Refused: what YAML readers disagree about or can be
// abused with (second documents, duplicate keys, anchors, aliases, merge keys, tags, control characters,
// unterminated quotes, tabs as indentation) and anything beyond the limits. [any] Nothing throws.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace grid {

// 1-based; columns count characters, not bytes.
struct YamlPlace {
  int line = 1;
  int column = 1;
};

struct YamlEntry;

struct YamlNode {
  enum class Type { nothing, scalar, sequence, mapping };  // nothing: `key:`, `~`, `null`
  Type type = Type::nothing;
  YamlPlace place;
  std::string text;                // of a scalar, unescaped
  bool quoted = false;             // '…', "…" or a block: certainly text
  std::vector<YamlNode> items;     // of a sequence
  std::vector<YamlEntry> entries;  // of a mapping, in the order of the file; names are unique
};

struct YamlEntry {
  std::string name;
  YamlPlace place;  // of the name
  YamlNode value;
};

struct YamlError {
  YamlPlace place;
  std::string path;     // "a.b[2].c", as far as known; may be empty
  std::string message;  // what was expected
};

struct YamlDocument {
  YamlNode root;
  std::vector<YamlError> errors;  // not empty: `root` must not be used
};

constexpr std::size_t yaml_max_bytes = 1U << 20U;
constexpr std::size_t yaml_max_depth = 32;
constexpr std::size_t yaml_max_nodes = 10'000;

[[nodiscard]] YamlDocument read_yaml(std::string_view bytes);

// "a list", "a mapping", "nothing", "a single value": for messages.
[[nodiscard]] std::string_view to_string(YamlNode::Type type) noexcept;

}  // namespace grid
