// Commands that show one object of the daemon as it is: grid why, status, node list, offload history, offload
// status.
#include <fmt/format.h>

#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"
#include "apps/grid/ending.hpp"

namespace grid::cli {
namespace {

Result<int> show(Context& context, const Result<Json>& object) {
  if (!object) return fail(object.error());
  if (auto shown = context.show(*object); !shown) return fail(shown.error());
  return 0;
}

}  // namespace

Result<int> why(Context& context) {
  return show(context, context.get("/v1/why?subject=" + url_part(*context.arguments.positional(0))));
}

Result<int> status(Context& context) { return show(context, context.get("/v1/snapshot")); }

Result<int> node_list(Context& context) {
  auto snapshot = context.get("/v1/snapshot");
  if (!snapshot) return fail(snapshot.error());
  return show(context, Json{{"schema", "grid/nodes/1"}, {"nodes", snapshot->value("nodes", Json::array())}});
}

Result<int> offload_history(Context& context) {
  return show(context, context.get(fmt::format("/v1/history?limit={}",
                                               context.arguments.number("limit").value_or(100))));
}

Result<int> offload_status(Context& context) {
  auto list = context.get("/v1/executions?limit=1000");
  if (!list) return fail(list.error());
  Json moves = Json::array();
  for (Json& each : (*list)["executions"])
    if (text_of(each, "kind") == "move") moves.push_back(std::move(each));
  (*list)["executions"] = std::move(moves);
  return show(context, list);
}

}  // namespace grid::cli
