// grid ps
#include <fmt/format.h>

#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"

namespace grid::cli {

Result<int> ps(Context& context) {
  std::string target =
      fmt::format("/v1/executions?limit={}", context.arguments.number("limit").value_or(100));
  if (context.arguments.has("all")) target += "&all=1";
  auto list = context.get(target);
  if (!list) return fail(list.error());
  if (auto shown = context.show(*list); !shown) return fail(shown.error());
  return 0;
}

}  // namespace grid::cli
