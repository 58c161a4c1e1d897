// grid plugin list, grid plugin info
#include <fmt/format.h>

#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"
#include "core/config/config.hpp"
#include "core/registry/plugin_json.hpp"
#include "core/registry/registry.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::cli {
namespace {

// "policy.threshold", or a name alone where only one kind has it.
Result<PluginStatus> find(const std::vector<PluginStatus>& plugins, const std::string& word) {
  std::vector<PluginStatus> found;
  std::vector<std::string> names;
  for (const PluginStatus& each : plugins) {
    names.push_back(plugin_id(each.kind, each.name));
    names.push_back(each.name);
    if (word == each.name || word == plugin_id(each.kind, each.name)) found.push_back(each);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    const std::string_view near = nearest(word, names);
    return fail(Code::not_found, fmt::format("there is no plugin '{}'", word),
                near.empty() ? "see: grid plugin list" : fmt::format("did you mean '{}'?", near));
  }
  return fail(Code::usage, fmt::format("several plugins are called '{}'", word),
              fmt::format("say which kind: {}", plugin_id(found.front().kind, word)));
}

}  // namespace

Result<int> plugin_list(Context& context) {
  (void)context
      .config();  // for its plugin folders; the installed plugins are shown also where it does not hold
  Registry& registry = context.registry();
  std::vector<const Descriptor*> descriptors;
  for (const PluginStatus& each : registry.list()) {
    auto descriptor = registry.describe(each.kind, each.name);
    descriptors.push_back(descriptor ? *descriptor : nullptr);
  }
  if (auto shown = context.show(plugins_to_json(registry.list(), descriptors)); !shown)
    return fail(shown.error());
  return 0;
}

Result<int> plugin_info(Context& context) {
  (void)context.config();
  Registry& registry = context.registry();
  auto plugin = find(registry.list(), *context.arguments.positional(0));
  if (!plugin) return fail(plugin.error());
  auto descriptor = registry.describe(plugin->kind, plugin->name);
  if (!descriptor) return fail(descriptor.error());
  for (const PluginStatus& each : registry.states())
    if (each.kind == plugin->kind && each.name == plugin->name) *plugin = each;
  if (auto shown = context.show(plugin_to_json(*plugin, **descriptor)); !shown) return fail(shown.error());
  return 0;
}

}  // namespace grid::cli
