// One value of the configuration: from YAML by what the schema wants, and back to how one would write it.
// [any]
#pragma once

#include <string>
#include <vector>

#include "core/base/text.hpp"
#include "core/config/schema.hpp"
#include "core/config/yaml.hpp"

namespace grid {

// Nothing is returned exactly if something was appended to `errors` (place, path, message).
[[nodiscard]] std::optional<Value> read_value(const OptionSpec& spec, const TextFormat* format,
                                              const YamlNode& node, const std::string& path,
                                              std::vector<YamlError>& errors);

// "expected a duration such as 20s, got a mapping"
[[nodiscard]] std::string expected_but_got(std::string_view expected, const YamlNode& node);

// "; did you mean 'x'?", or "".
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& names);

// As one would write it: 600 of a duration is "10m", 8589934592 of a size is "8G".
[[nodiscard]] Json value_to_json(const OptionSpec& spec, const Value& value);
[[nodiscard]] std::string value_to_text(const OptionSpec& spec, const Value& value);

}  // namespace grid
