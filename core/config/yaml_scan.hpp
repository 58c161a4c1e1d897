// What must hold of the bytes before a YAML library may see them.
#pragma once

#include <optional>
#include <string_view>

#include "core/config/yaml.hpp"

namespace grid {

// [any] The place of the byte at `offset`: both 1-based, columns in characters.
[[nodiscard]] YamlPlace yaml_place(std::string_view bytes, std::size_t offset) noexcept;

// [any] The first of: too large, too many brackets, a byte order mark, not UTF-8, a control character, a tab
// as indentation.
[[nodiscard]] std::optional<YamlError> scan_yaml(std::string_view bytes);

// [any] Whether the quoted text that begins at `offset` (on its ' or ") ends before the bytes do.
[[nodiscard]] bool quote_is_closed(std::string_view bytes, std::size_t offset) noexcept;

}  // namespace grid
