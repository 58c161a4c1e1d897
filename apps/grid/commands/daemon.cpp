// grid daemon start|stop|run|status
#include <poll.h>

#include <chrono>

#include <fmt/format.h>

#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"
#include "apps/grid/ending.hpp"
#include "core/config/load.hpp"
#include "core/daemon/daemon.hpp"

namespace grid::cli {
namespace {

Result<int> show(Context& context, const Result<Json>& object) {
  if (!object) return fail(object.error());
  if (auto shown = context.show(*object); !shown) return fail(shown.error());
  return 0;
}

// The one that is there; it is never started for this.
Result<ApiClient> running(Context& context) {
  auto client = ApiClient::connect(context.dirs.socket(), std::chrono::seconds(5));
  if (!client && client.error().code == Code::daemon_unavailable)
    return fail(Code::daemon_unavailable, "no daemon is running", "start it: grid daemon start");
  return client;
}

}  // namespace

Result<int> daemon_start(Context& context) { return show(context, context.get("/v1/daemon")); }

Result<int> daemon_status(Context& context) {
  auto client = running(context);
  if (!client) return fail(client.error());
  return show(context, client->get("/v1/daemon"));
}

Result<int> daemon_stop(Context& context) {
  auto client = running(context);
  if (!client) return fail(client.error());
  auto stopped = client->post("/v1/daemon/stop", Json::object());
  if (!stopped) return fail(stopped.error());
  // It answers, then stops: whoever comes next must not meet its last moments.
  constexpr int tries = 500;
  for (int i = 0; i < tries && ApiClient::connect(context.dirs.socket(), std::chrono::seconds(1)); ++i)
    ::poll(nullptr, 0, 10);
  if (context.json()) return show(context, stopped);
  context.say(
      fmt::format("the daemon ({}) stops; what runs goes on", number_of(*stopped, "pid").value_or(0)));
  return 0;
}

Result<int> daemon_run(Context& context) {
  DaemonOptions options;
  options.dirs = context.dirs;
  options.config = context.load_request();
  options.log_file = context.arguments.text("log").value_or("");
  options.version = GRID_VERSION;
  return run_daemon(options);
}

}  // namespace grid::cli
