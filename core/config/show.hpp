// The configuration for people and editors: `grid config show|check|schema|init`. All of it comes from the
// one table. [any]
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/text.hpp"
#include "core/config/load.hpp"

namespace grid {

// grid/config/1: every effective value by its path, defaults included, and where the stated ones come from.
[[nodiscard]] Json config_to_json(const LoadResult& result);
// grid/config-check/1.
[[nodiscard]] Json check_to_json(const LoadResult& result);

using PluginName = std::pair<Kind, std::string>;
// JSON Schema, draft 7. The options of `plugins` are described exactly; plugins whose lookup fails are left
// open.
[[nodiscard]] Json config_schema(const OptionLookup& lookup, std::span<const PluginName> plugins);

// A first file of about 20 lines, commented; it loads as it is. `schema` is a path or URL for editors.
[[nodiscard]] std::string config_init_text(std::string_view schema);

// Every key with type, default and meaning, as a Markdown table.
[[nodiscard]] std::string config_reference();

}  // namespace grid
