#include "apps/grid/commands/node_keys.hpp"

#include <algorithm>

#include "apps/grid/ask.hpp"
#include "apps/grid/commands/commands.hpp"
#include "apps/grid/ending.hpp"
#include "apps/grid/output.hpp"

namespace grid::cli {

std::string host_keys_target(const std::string& node) { return "/v1/nodes/" + url_part(node) + "/host-keys"; }

bool has_unknown_key(const Json& keys) {
  const Json list = keys.value("keys", Json::array());
  return std::any_of(list.begin(), list.end(),
                     [](const Json& key) { return text_of(key, "known") == "unknown"; });
}

Result<Json> trust_keys(Context& context, const std::string& node, const Json& keys,
                        const std::string& fingerprint) {
  const auto record = [&](const std::string& which) {
    return context.post(host_keys_target(node), Json{{"fingerprint", which}});
  };
  const Json list = keys.value("keys", Json::array());
  // The daemon refuses such a host whatever is asked, and knows the words for it.
  for (const Json& key : list)
    if (const std::string known = text_of(key, "known"); known == "changed" || known == "revoked")
      return record(text_of(key, "fingerprint"));
  if (!fingerprint.empty()) return record(fingerprint);
  if (!has_unknown_key(keys)) return keys;
  if (!context.arguments.has("yes")) {
    if (!context.json())
      if (auto text = context.rendered_as_text(keys, 0); text) (void)write_all(STDERR_FILENO, *text);
    if (!context.terminal.can_ask())
      return fail(Code::policy_denied, "the keys of " + node + " are trusted only when somebody says so",
                  "grid node trust " + node + " --yes, or --fingerprint SHA256:… of the key that is right");
    if (!confirm("Are these keys right?"))
      return fail(Code::policy_denied, "the keys of " + node + " were not trusted",
                  "compare with what that machine says: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
  }
  Result<Json> now = keys;
  for (const Json& key : list) {
    if (text_of(key, "known") != "unknown") continue;
    now = record(text_of(key, "fingerprint"));
    if (!now) return now;
  }
  return now;
}

Result<int> node_trust(Context& context) {
  const std::string node = *context.arguments.positional(0);
  const auto keys = context.get(host_keys_target(node));
  if (!keys) return fail(keys.error());
  const auto now = trust_keys(context, node, *keys, context.arguments.text("fingerprint").value_or(""));
  if (!now) return fail(now.error());
  if (auto shown = context.show(*now); !shown) return fail(shown.error());
  return 0;
}

}  // namespace grid::cli
