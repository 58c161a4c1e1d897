// The host lets the user in with none of the keys: says so, and what would help, by looking at the keys there
// are. The same words for both clients.
#pragma once

#include <string_view>

#include "destination.hpp"

namespace grid::ssh {

// `by_libssh2`: it cannot use every kind of key. Looks at key files and the agent, up to the
// deadline.
Error login_refused(const Destination& to, std::string_view why, bool by_libssh2, Clock::time_point deadline,
                    const Stopping& stopping);

}  // namespace grid::ssh
