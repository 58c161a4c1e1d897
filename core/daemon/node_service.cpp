// What the API asks about nodes themselves: adding one, and the keys by which a host is known.
#include <algorithm>

#include <fmt/format.h>

#include "core/daemon/service.hpp"
#include "core/loop/views.hpp"

namespace grid {
namespace {

const char* to_string(HostKey::Known known) {
  switch (known) {
    case HostKey::Known::unknown:
      return "unknown";
    case HostKey::Known::known:
      return "known";
    case HostKey::Known::changed:
      return "changed";
    case HostKey::Known::revoked:
      break;
  }
  return "revoked";
}

Json keys_to_json(const std::string& node, const HostKeys& keys) {
  Json json{{"schema", "grid/host-keys/1"},
            {"node", node},
            {"destination", keys.destination},
            {"file", keys.file},
            {"keys", Json::array()}};
  for (const HostKey& key : keys.keys) {
    Json one{{"type", key.type}, {"fingerprint", key.fingerprint}, {"known", to_string(key.known)}};
    if (!key.known_fingerprint.empty()) one["known_fingerprint"] = key.known_fingerprint;
    json["keys"].push_back(std::move(one));
  }
  return json;
}

// A host that shows a key other than the one on record is not to be trusted by any of its keys.
Result<> check_unchanged(const HostKeys& keys) {
  for (const HostKey& key : keys.keys) {
    if (key.known == HostKey::Known::revoked)
      return fail(Code::host_key_mismatch,
                  fmt::format("{} shows the {} key {}, which {} revokes", keys.destination, key.type,
                              key.fingerprint, keys.file),
                  "do not connect to it; ask who runs that machine");
    if (key.known == HostKey::Known::changed)
      return fail(Code::host_key_mismatch,
                  fmt::format("the {} key of {} has changed: it shows {}, {} has {}", key.type,
                              keys.destination, key.fingerprint, keys.file, key.known_fingerprint),
                  fmt::format("if that is right, remove the old one: ssh-keygen -f '{}' -R '{}'", keys.file,
                              keys.destination));
  }
  return {};
}

}  // namespace

void Service::host_keys(const std::string& node, Done<Json> done) {
  nodes_.host_keys(node, [node, done = std::move(done)](Result<HostKeys> keys) {
    if (!keys) return done(fail(keys.error()));
    done(keys_to_json(node, *keys));
  });
}

// The host is asked again: what is recorded is what it shows now.
void Service::trust(const std::string& node, const std::string& fingerprint, Done<Json> done) {
  nodes_.host_keys(node, [this, node, fingerprint, done = std::move(done)](Result<HostKeys> keys) {
    if (!keys) return done(fail(keys.error()));
    if (auto unchanged = check_unchanged(*keys); !unchanged) return done(fail(unchanged.error()));
    const auto key = std::find_if(keys->keys.begin(), keys->keys.end(),
                                  [&](const HostKey& each) { return each.fingerprint == fingerprint; });
    if (key == keys->keys.end()) {
      std::string shown;
      for (const HostKey& each : keys->keys)
        shown += fmt::format("{}{} {}", shown.empty() ? "" : ", ", each.type, each.fingerprint);
      return done(fail(
          Code::host_key_mismatch,
          fmt::format("{} shows no key {}; it shows {}", keys->destination, fingerprint, shown),
          "compare with what the machine says of itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"));
    }
    nodes_.trust_host_key(node, *key, [this, node, type = key->type, fingerprint, done](Result<> trusted) {
      if (!trusted) return done(fail(trusted.error()));
      ledger_.note("host_key_trusted", node, type + " " + fingerprint);
      host_keys(node, done);
    });
  });
}

Json Service::nodes_view() const {
  Json json{{"schema", "grid/nodes/1"}, {"nodes", Json::array()}};
  for (const Node& node : nodes_.view(runs_.load()))
    json["nodes"].push_back(node_to_json(node, node.problem));
  return stamped(std::move(json));
}

Result<Json> Service::add_node(const std::string& name) {
  if (auto added = nodes_.add(name); !added) return fail(added.error());
  ledger_.note("node_added", name, name + " was added");
  for (const Node& node : nodes_.view(runs_.load()))
    if (node.name == name)
      return stamped({{"schema", "grid/nodes/1"}, {"nodes", {node_to_json(node, node.problem)}}});
  return fail(Code::internal, "node " + name + " was added and is not there");
}

}  // namespace grid
