// grid config check|show|schema|init
#include <filesystem>

#include <fmt/format.h>

#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"
#include "apps/grid/output.hpp"
#include "core/base/files.hpp"
#include "core/config/load.hpp"
#include "core/config/show.hpp"
#include "core/registry/registry.hpp"

namespace grid::cli {
namespace {

// What is wrong beyond the plugins' options comes out too, so the plain configuration's own errors are no
// obstacle here.
LoadResult load(Context& context) {
  (void)context.config();
  LoadRequest request = context.load_request();
  if (const auto file = context.arguments.positional(0)) request.file = *file;
  return load_config(request, context.option_lookup());
}

}  // namespace

Result<int> config_check(Context& context) {
  const LoadResult result = load(context);
  if (auto shown = context.show(check_to_json(result)); !shown) return fail(shown.error());
  return result.errors.empty() ? 0 : exit_code(Code::config_invalid);
}

Result<int> config_show(Context& context) {
  const LoadResult result = load(context);
  if (!result.errors.empty()) return fail(result.error());
  if (auto shown = context.show(config_to_json(result)); !shown) return fail(shown.error());
  return 0;
}

Result<int> config_schema_command(Context& context) {
  (void)context.config();
  std::vector<PluginName> plugins;
  for (const PluginStatus& each : context.registry().list()) plugins.emplace_back(each.kind, each.name);
  const Json schema = config_schema(context.option_lookup(), plugins);
  if (auto written = write_all(STDOUT_FILENO, dump_json(schema, 2) + "\n"); !written)
    return fail(written.error());
  return 0;
}

Result<int> config_init(Context& context) {
  namespace fs = std::filesystem;
  const auto given = context.arguments.positional(0);
  const fs::path file = fs::absolute(given ? fs::path(*given) : context.dirs.config / "grid.yaml");
  const fs::path schema = file.parent_path() / "grid.schema.json";
  std::error_code error;
  if (fs::exists(file, error))
    return fail(Code::resource_conflict, fmt::format("{} is there already", file.string()),
                fmt::format("check it: grid config check {}", file.string()));
  fs::create_directories(file.parent_path(), error);
  std::vector<PluginName> plugins;
  for (const PluginStatus& each : context.registry().list()) plugins.emplace_back(each.kind, each.name);
  const std::string schema_text = dump_json(config_schema(context.option_lookup(), plugins), 2) + "\n";
  constexpr std::uint32_t mode = 0644;
  if (auto written = write_file(schema, schema_text, mode); !written) return fail(written.error());
  if (auto written = write_file(file, config_init_text(schema.filename().string()), mode); !written)
    return fail(written.error());
  if (context.json()) {
    if (auto shown =
            context.show(check_to_json(load_config(context.load_request(), context.option_lookup())));
        !shown)
      return fail(shown.error());
    return 0;
  }
  context.say(fmt::format("wrote {} and {}\nnext: grid config check{}", file.string(), schema.string(),
                          given ? " " + *given : ""));
  return 0;
}

}  // namespace grid::cli
