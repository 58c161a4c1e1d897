// grid offload scan, grid policy explain: one turn of the loop in this process
#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"
#include "core/config/config.hpp"
#include "core/loop/loop_host.hpp"
#include "core/loop/scan_turn.hpp"

namespace grid::cli {
namespace {

Result<Json> turn(Context& context, std::size_t top) {
  auto config = context.checked_config();
  if (!config) return fail(config.error());
  ScanRequest request{context.dirs, std::move(*config), *context.arguments.number("interval"), top};
  return scan_turn(request, context.host(), context.registry());
}

}  // namespace

Result<int> offload_scan(Context& context) {
  auto scan = turn(context, static_cast<std::size_t>(*context.arguments.number("top")));
  if (!scan) return fail(scan.error());
  if (auto shown = context.show(*scan); !shown) return fail(shown.error());
  return 0;
}

Result<int> policy_explain(Context& context) {
  constexpr std::size_t all = 50;
  auto scan = turn(context, all);
  if (!scan) return fail(scan.error());
  Json explained{{"schema", "grid/decision/1"}};
  for (const char* part : {"taken_at", "decision", "candidates"})
    if (scan->contains(part)) explained[part] = std::move((*scan)[part]);
  if (auto shown = context.show(explained); !shown) return fail(shown.error());
  return 0;
}

}  // namespace grid::cli
