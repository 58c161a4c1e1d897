// Who we say we are: keys of the agent, then the configured key files. Only ever called after the host key
// was found good.
#pragma once

#include <string>

#include "libssh2_session.hpp"

namespace grid::ssh {

// Blocks. Gives what let us in ("the agent's key SHA256:…", "~/.ssh/id_ed25519"). Errors: node_unreachable,
// not retryable when the host refuses; cancelled.
Result<std::string> authenticate(Session& session, Clock::time_point deadline, const Stopping& stopping);

}  // namespace grid::ssh
