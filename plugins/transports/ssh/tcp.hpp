// The TCP connection under libssh2's client.
#pragma once

#include "destination.hpp"
#include "grid/sdk/fd.hpp"
#include "grid/sdk/result.hpp"
#include "wire.hpp"

namespace grid::ssh {

// Blocks until connected. Tries all addresses of the name, each within its share of the time left. The socket
// does not block, sends at once, and notices a dead peer within 8 s of the first unanswered byte. Errors:
// node_unreachable, each cause in its own words; cancelled.
Result<Fd> connect_tcp(const Destination& to, Clock::time_point deadline, const Stopping& stopping);

}  // namespace grid::ssh
