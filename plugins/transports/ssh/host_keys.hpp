// Getting to know a host: which keys it shows, and recording one as good.
//
// The keys are asked for by the system's ssh, with the user's whole configuration, so proxies and all; it
// hands each to a command of ours (KnownHostsCommand) and then, for lack of a known key, breaks off before it
// authenticates. One connection per type of key.
#pragma once

#include <string>

#include "destination.hpp"
#include "grid/sdk/transport.hpp"

namespace grid::ssh {

// Blocks; call it on a pool. Errors: as resolve(), node_unreachable, and host_key_mismatch when it is a
// proxy's key that is not good.
Result<HostKeys> host_keys(const std::string& address, const Setup& setup, Clock::time_point deadline,
                           const Stopping& stopping);
// The same for a destination that is resolved already.
Result<HostKeys> host_keys(const Destination& to, Clock::time_point deadline, const Stopping& stopping);

// Blocks. Appends `key` to the first of the user's known_hosts files; nothing when it is there. Errors: as
// resolve(); host_key_mismatch (another key of its type is on record, or it is revoked; the hint says how to
// remove it); usage (`key` is none); storage_failed.
Result<> trust_host_key(const std::string& address, const Setup& setup, const HostKey& key,
                        Clock::time_point deadline, const Stopping& stopping);

}  // namespace grid::ssh
