// grid completion, and what its scripts ask
#include <unistd.h>

#include "apps/grid/commands/commands.hpp"
#include "apps/grid/complete.hpp"
#include "apps/grid/context.hpp"
#include "apps/grid/ending.hpp"
#include "apps/grid/output.hpp"
#include "core/registry/plugin_file.hpp"

namespace grid::cli {
namespace {

// Whatever takes longer or fails completes to nothing: somebody is typing. The daemon is never started for
// this.
Json quick(const Context& context, const std::string& target) {
  constexpr std::chrono::milliseconds deadline{500};
  auto client = ApiClient::connect(context.dirs.socket(), deadline);
  if (!client) return Json::object();
  auto answer = client->get(target, deadline);
  return answer ? std::move(*answer) : Json::object();
}

std::vector<Completion> values(const Context& context, ArgType type) {
  std::vector<Completion> out;
  if (type == ArgType::plugin) {
    for (const PluginFile& each : find_plugins({context.dirs.plugins()}))
      out.push_back({plugin_id(each.kind, each.name), ""});
  } else if (type == ArgType::execution) {
    for (const Json& each : quick(context, "/v1/executions?limit=100").value("executions", Json::array()))
      out.push_back({text_of(each, "id"), text_of(each, "state") + " " + text_of(each, "command")});
  } else if (type == ArgType::node) {
    for (const Json& each : quick(context, "/v1/snapshot").value("nodes", Json::array()))
      out.push_back({text_of(each, "name"), text_of(each, "role") + " " + text_of(each, "state")});
  } else if (type == ArgType::pid) {
    for (const Json& each : quick(context, "/v1/candidates").value("candidates", Json::array()))
      out.push_back({std::to_string(number_of(each, "pid").value_or(0)), text_of(each, "command")});
  }
  return out;
}

}  // namespace

Result<int> completion(Context& context) {
  if (auto written = write_all(STDOUT_FILENO, completion_script(*context.arguments.positional(0))); !written)
    return fail(written.error());
  return 0;
}

Result<int> complete(Context& context) {
  const auto completions =
      complete_words(context.arguments.positionals(), [&](ArgType type) { return values(context, type); });
  if (auto written = write_all(STDOUT_FILENO, to_lines(completions)); !written) return fail(written.error());
  return 0;
}

}  // namespace grid::cli
