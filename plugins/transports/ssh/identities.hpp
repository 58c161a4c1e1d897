// The user's key files, looked at without using them: what kind each is and whether it needs a passphrase.
#pragma once

#include <string>
#include <vector>

#include "destination.hpp"

namespace grid::ssh {

struct Identity {
  std::string file;
  std::string type;  // "ssh-ed25519"; empty when it cannot be told
  std::string blob;  // the public key; empty when it cannot be told
  bool encrypted = false;
};

// Of the files configured for the destination those that can be read, in their order. Does I/O.
std::vector<Identity> identities(const Destination& to);

// What a private key file's text shows; `public_text`: the file beside it, may be empty.
Identity read_identity(const std::string& text, const std::string& public_text);

// The next field with a length before it, in the coding of SSH; false when the bytes end before.
bool take_field(std::string_view& bytes, std::string_view& field);
std::string as_field(std::string_view bytes);

}  // namespace grid::ssh
