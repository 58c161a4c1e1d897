// Trusting what a host shows: used by grid node add and grid node trust.
#pragma once

#include <string>

#include "apps/grid/context.hpp"

namespace grid::cli {

// Shows the keys of `keys` (grid/host-keys/1) that are not known yet and, once a person agrees (on the
// terminal, or by --yes) records them; with `fingerprint` exactly that one, unasked. Answers what the host's
// keys are afterwards. Errors: host_key_mismatch, policy_denied (nobody agreed).
Result<Json> trust_keys(Context& context, const std::string& node, const Json& keys,
                        const std::string& fingerprint);

[[nodiscard]] std::string host_keys_target(const std::string& node);

// Some key is new.
[[nodiscard]] bool has_unknown_key(const Json& keys);

}  // namespace grid::cli
