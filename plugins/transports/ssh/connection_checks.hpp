// What `grid doctor` asks about the way to a host: name, TCP, host key, authentication.
#pragma once

#include <string>
#include <vector>

#include "destination.hpp"
#include "grid/sdk/transport.hpp"
#include "wires.hpp"

namespace grid::ssh {

// Blocks; call it on a pool. In that order; after the first bad one the others are skipped. Never fails: what
// goes wrong is a check's text.
std::vector<Check> connection_checks(Client client, const std::string& address, const Setup& setup,
                                     Clock::time_point deadline, const Stopping& stopping);

}  // namespace grid::ssh
