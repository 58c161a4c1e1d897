// Plugins as the objects of docs/api.md: grid/plugins/1 and grid/plugin/1. [any]
#pragma once

#include <optional>
#include <vector>

#include "core/base/text.hpp"
#include "core/registry/status.hpp"
#include "grid/sdk/options.hpp"
#include "grid/sdk/plugin.hpp"

namespace grid {

// Version and summary stand in the library: `descriptors[i]` belongs to `plugins[i]`, null where it was not
// opened.
[[nodiscard]] Json plugins_to_json(const std::vector<PluginStatus>& plugins,
                                   const std::vector<const Descriptor*>& descriptors = {});
[[nodiscard]] Json plugin_to_json(const PluginStatus& plugin, const Descriptor& descriptor);
[[nodiscard]] Json option_to_json(const OptionSpec& spec);
[[nodiscard]] std::string_view to_string(OptionType type) noexcept;

}  // namespace grid
