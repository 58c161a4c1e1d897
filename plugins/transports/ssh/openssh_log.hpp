// What ssh's own log (LogLevel DEBUG1) says about a connection: which host key, which login, and why not.
// [any]
#pragma once

#include <string>
#include <string_view>

#include "destination.hpp"

namespace grid::ssh {

// The client's arguments that make a connection strict and quiet, whatever the user's configuration says.
std::vector<std::string> strict_options();

struct ShownKey {
  std::string type;
  std::string fingerprint;
};
// Empty fields: none was shown.
ShownKey shown_key(std::string_view log);

// "~/.ssh/id_ed25519 SHA256:…"
std::string accepted_login(std::string_view log);

// Why a connection was not made. Looks at known_hosts and at the keys, for the hint.
Error connection_error(const Destination& to, std::string_view log, Clock::time_point deadline,
                       const Stopping& stopping);

// The last line for people: no debug output, no control characters.
std::string last_words(std::string_view log);

}  // namespace grid::ssh
