#include "login_refused.hpp"

#include <algorithm>
#include <set>

#include "agent.hpp"
#include "grid/sdk/bytes.hpp"
#include "identities.hpp"
#include "known_hosts.hpp"

namespace grid::ssh {
namespace {

std::vector<std::string> in_agent(const Destination& to, Clock::time_point deadline,
                                  const Stopping& stopping) {
  std::vector<std::string> blobs;
  if (to.agent.empty()) return blobs;
  auto agent = Agent::connect(to.agent, deadline, stopping);
  if (!agent) return blobs;
  if (auto keys = agent->keys()) {
    for (auto& key : *keys) blobs.push_back(std::move(key.blob));
  }
  return blobs;
}

std::string copy_command(const Destination& to) {
  std::string command = "ssh-copy-id ";
  if (!to.setup.ssh_config.empty()) command += "-F '" + to.setup.ssh_config + "' ";
  if (to.host == to.host_name && to.port != 22) command += "-p " + std::to_string(to.port) + " ";
  return command + visible(to.user + "@" + to.host);
}

}  // namespace

Error login_refused(const Destination& to, std::string_view why, bool by_libssh2, Clock::time_point deadline,
                    const Stopping& stopping) {
  const auto files = identities(to);
  const auto held = in_agent(to, deadline, stopping);
  std::string hint;
  const auto advise = [&hint](const std::string& text) {
    hint.append(hint.empty() ? "" : "; ").append(text);
  };

  std::set<std::string> types;
  for (const std::string& blob : held) types.insert(key_type(blob));
  for (const Identity& each : files) {
    types.insert(each.type);
    if (each.encrypted && std::find(held.begin(), held.end(), each.blob) == held.end())
      advise("the key " + each.file + " has a passphrase and is not in the agent: ssh-add " + each.file);
  }
  if (by_libssh2 && types.contains("ssh-rsa"))
    advise(
        "the host may refuse RSA keys as libssh2 uses them: `client: openssh` for this node, or a new key: "
        "ssh-keygen -t ed25519");
  if (by_libssh2 && std::any_of(types.begin(), types.end(),
                                [](const std::string& type) { return type.starts_with("sk-"); }))
    advise("libssh2 cannot use security keys: `client: openssh` for this node");
  if (files.empty() && held.empty())
    advise("there is no key: ssh-keygen -t ed25519, then: " + copy_command(to));
  else if (hint.empty())
    advise("give the host your key: " + copy_command(to));
  return Error{Code::node_unreachable,
               "user '" + visible(to.user) + "' is not let in at " + to.where() + ": " +
                   (why.empty() ? "no key was accepted" : visible(why)),
               hint,
               {},
               false};
}

}  // namespace grid::ssh
