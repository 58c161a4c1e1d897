// The words for what goes wrong between here and a host: the same for both clients. [any]
#pragma once

#include <string>
#include <string_view>

#include "destination.hpp"
#include "known_hosts.hpp"

namespace grid::ssh {

// node_unreachable, all worth another try.
Error refused(const Destination& to);
Error no_route(const Destination& to, std::string_view why);
Error silent(const Destination& to);  // nobody answers the connect
Error silent_after_connect(const Destination& to);
Error no_such_name(const Destination& to, std::string_view why);
Error closed_early(const Destination& to, std::string_view why);
Error connection_lost(const Destination& to, std::string_view why);

// node_unreachable, of no use to try again.
Error not_ssh(const Destination& to);
Error nothing_in_common(const Destination& to, std::string_view why, bool by_libssh2);
Error proxy_failed(const Destination& to, std::string_view why);

Error too_many_channels(const Destination& to);
Error given_up(const Destination& to);

// Whether the key that the host shows is good: host_key_mismatch in all cases where it is not.
Result<> judge_host_key(const Destination& to, const KnownHost& known, const std::string& type,
                        const std::string& key_fingerprint);
// As the link of `node` says it: what is said of the host names the node, also in the commands that it
// proposes.
[[nodiscard]] Error of_node(Error error, const std::string& node);

// What has to be done by hand before another key can be recorded.
std::string removal_hint(const Destination& to, const KnownKey& record);

}  // namespace grid::ssh
