// grid cancel
#include <fmt/format.h>

#include "apps/grid/ask.hpp"
#include "apps/grid/commands/commands.hpp"
#include "apps/grid/ending.hpp"

namespace grid::cli {

Result<int> cancel(Context& context) {
  auto id = execution_argument(context, true);
  if (!id) return fail(id.error());
  auto execution = context.post("/v1/executions/" + url_part(*id) + "/cancel");
  if (!execution) return fail(execution.error());
  if (context.json()) {
    if (auto shown = context.show(*execution); !shown) return fail(shown.error());
    return 0;
  }
  const bool over = is_terminal_state(*execution);
  context.say(over ? fmt::format("{}: {}", *id, text_of(*execution, "state"))
                   : fmt::format("{} is being stopped", *id));
  return 0;
}

}  // namespace grid::cli
