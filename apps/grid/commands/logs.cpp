// grid logs
#include "apps/grid/ask.hpp"
#include "apps/grid/commands/commands.hpp"
#include "apps/grid/copy_logs.hpp"

namespace grid::cli {

Result<int> logs(Context& context) {
  auto id = execution_argument(context, false);
  if (!id) return fail(id.error());
  const auto stream = context.arguments.text("stream");
  const LogsWanted wanted{*id, stream != "stderr", stream != "stdout", context.arguments.has("follow")};
  auto copied = copy_logs(context, wanted, nullptr);
  if (!copied) return fail(copied.error());
  return 0;
}

}  // namespace grid::cli
