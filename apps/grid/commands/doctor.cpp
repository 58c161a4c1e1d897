// grid doctor
#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"

namespace grid::cli {

Result<int> doctor(Context& context) {
  // Every step of every node has a deadline at the daemon; together they take no longer than this.
  constexpr ApiClient::Milliseconds patience{90'000};
  auto client = context.daemon();
  if (!client) return fail(client.error());
  const auto found =
      client->get("/v1/doctor?node=" + url_part(context.arguments.positional(0).value_or("")), patience);
  if (!found) return fail(found.error());
  if (auto shown = context.show(*found); !shown) return fail(shown.error());
  if (!found->value("unreachable", Json::array()).empty()) return exit_code(Code::node_unreachable);
  return found->value("bad", 0) > 0 ? 1 : 0;
}

}  // namespace grid::cli
