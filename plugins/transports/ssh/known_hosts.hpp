// The lines of known_hosts files: which keys are on record for a host. An own pass over them, for libssh2
// sees neither @revoked nor wildcards. [any]; nothing here does I/O except load_known_hosts().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "destination.hpp"

namespace grid::ssh {

struct KnownKey {
  enum class Mark { none, revoked, authority } mark = Mark::none;
  std::string names;        // the field as written: patterns, or one hashed name
  std::string type;         // "ssh-ed25519"
  std::string fingerprint;  // "SHA256:…"
  std::string file;
  std::size_t line = 0;  // from 1
  // Recorded for the host without a port, while another port is meant: good when it is the very key, and no
  // sign of a change when it is not.
  bool other_port = false;
};

// Lines that are no record (comments, garbage, keys whose type is not what they say) are left out.
std::vector<KnownKey> parse_known_hosts(std::string_view text, const std::string& file);

// Whether `name` ("host", "[host]:port") is meant by the field: plain, hashed, wildcards, negated patterns,
// comma lists.
bool names_match(std::string_view names, std::string_view name);

// How a host is written in known_hosts: "host", or "[host]:port" when the port is not 22.
std::string recorded_name(const Destination& destination);

// The type that a key's bytes name; empty when they are no key.
std::string key_type(std::string_view key_blob);

// What is on record for one host.
class KnownHost {
 public:
  explicit KnownHost(std::vector<KnownKey> keys) : keys_(std::move(keys)) {}

  enum class State {
    known,
    changed,     // another key of this type is on record
    other_type,  // only keys of other types are on record
    unknown,     // nothing is on record
    revoked,
  };
  struct Answer {
    State state = State::unknown;
    const KnownKey* record = nullptr;  // the one that decided; null when unknown
  };
  [[nodiscard]] Answer look_up(std::string_view type, std::string_view fingerprint) const;
  // Types on record that count, best first, each once.
  [[nodiscard]] std::vector<std::string> types() const;
  // Host certificates are not checked: true when a line for this host would need it.
  [[nodiscard]] bool has_authority() const;

 private:
  std::vector<KnownKey> keys_;
};

// All records for the destination, of its user's files, then the system's. A file that is absent holds none.
KnownHost load_known_hosts(const Destination& destination);

}  // namespace grid::ssh
