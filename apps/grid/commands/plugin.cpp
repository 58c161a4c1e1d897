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

struct Found {
  Kind kind{};
  std::string name;
  Result<const Descriptor*> descriptor;
};

// "policy.threshold", or a name alone where only one kind has it. Looks at no other plugin.
Result<Found> find(Registry& registry, const std::string& word) {
  const std::size_t dot = word.find('.');
  const std::string name = dot == std::string::npos ? word : word.substr(dot + 1);
  const auto wanted = dot == std::string::npos ? std::nullopt : kind_from_string(word.substr(0, dot));
  std::vector<Found> found;
  for (const Kind kind : {Kind::policy, Kind::transport, Kind::metrics, Kind::renderer}) {
    if (dot != std::string::npos && wanted != kind) continue;
    auto descriptor = registry.describe(kind, name);
    if (descriptor || descriptor.error().code != Code::not_found)
      found.push_back({kind, name, std::move(descriptor)});
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.size() > 1)
    return fail(Code::usage, fmt::format("several plugins are called '{}'", word),
                fmt::format("say which kind: {}", plugin_id(found.front().kind, word)));
  std::vector<std::string> names;
  for (const PluginStatus& each : registry.list()) {
    names.push_back(plugin_id(each.kind, each.name));
    names.push_back(each.name);
  }
  const std::string_view near = nearest(word, names);
  return fail(Code::not_found, fmt::format("there is no plugin '{}'", word),
              near.empty() ? "see: grid plugin list" : fmt::format("did you mean '{}'?", near));
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
  const auto plugin = find(registry, *context.arguments.positional(0));
  if (!plugin) return fail(plugin.error());
  if (!plugin->descriptor) return fail(plugin->descriptor.error());
  for (const PluginStatus& each : registry.states())
    if (each.kind == plugin->kind && each.name == plugin->name)
      if (auto shown = context.show(plugin_to_json(each, **plugin->descriptor)); !shown)
        return fail(shown.error());
  return 0;
}

}  // namespace grid::cli
