// The two digests that SSH's files use. [any]
#pragma once

#include <string>
#include <string_view>

namespace grid::ssh {

// "SHA256:…" of a public key, as ssh-keygen prints it.
std::string fingerprint(std::string_view key_blob);
// 20 bytes: how names are hashed in known_hosts.
std::string hmac_sha1(std::string_view key, std::string_view text);
// `count` bytes nobody can guess; empty when there are none to be had.
std::string random_bytes(std::size_t count);

}  // namespace grid::ssh
