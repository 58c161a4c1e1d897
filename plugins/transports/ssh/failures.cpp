#include "failures.hpp"

#include "grid/sdk/bytes.hpp"

namespace grid::ssh {
namespace {

Error unreachable(std::string message, std::string hint, bool retryable) {
  return Error{Code::node_unreachable, std::move(message), std::move(hint), {}, retryable};
}

std::string because(std::string_view why) { return why.empty() ? std::string() : ": " + visible(why); }

std::string place(const KnownKey& record) { return record.file + ":" + std::to_string(record.line); }

}  // namespace

Error refused(const Destination& to) {
  return unreachable(to.where() + " refused the connection",
                     "is its SSH server running, and is the port right?", true);
}

Error no_route(const Destination& to, std::string_view why) {
  return unreachable("there is no route to " + to.where() + because(why),
                     "is this machine on the host's network?", true);
}

Error silent(const Destination& to) {
  return unreachable(to.where() + " does not answer",
                     "is the host up, and does a firewall let the connection through?", true);
}

Error silent_after_connect(const Destination& to) {
  return unreachable(to.where() + " took the connection and then said nothing",
                     "the host may be overloaded, frozen or not an SSH server", true);
}

Error no_such_name(const Destination& to, std::string_view why) {
  return unreachable("the name '" + visible(to.host_name) + "' has no address" + because(why),
                     "see where the address leads: ssh -G " + visible(to.host), true);
}

Error closed_early(const Destination& to, std::string_view why) {
  return unreachable(to.where() + " closed the connection before it was made" + because(why),
                     "the host may limit connections (MaxStartups) or block this one", true);
}

Error connection_lost(const Destination& to, std::string_view why) {
  return unreachable("the connection to " + to.where() + " is lost" + because(why), {}, true);
}

Error not_ssh(const Destination& to) {
  return unreachable("what answers at " + to.where() + " is no SSH server", "is the port right?", false);
}

Error nothing_in_common(const Destination& to, std::string_view why, bool by_libssh2) {
  return unreachable(
      (by_libssh2 ? "libssh2 and " : "ssh and ") + to.where() +
          " have no host key type, key exchange, cipher or MAC in common" + because(why),
      by_libssh2 ? "use `client: openssh` for this node, or give the host an ed25519 key: ssh-keygen -A" : "",
      false);
}

Error proxy_failed(const Destination& to, std::string_view why) {
  return unreachable("the proxy to " + to.where() + " failed" + because(why),
                     "try it by hand: ssh -v " + visible(to.host), true);
}

Error too_many_channels(const Destination& to) {
  return Error{Code::resource_conflict,
               to.where() + " allows no more channels in this connection",
               "use fewer channels, or raise MaxSessions in its sshd_config",
               {},
               true};
}

Error given_up(const Destination& to) {
  return Error{
      Code::cancelled, "the connection to " + to.where() + " was given up on request", {}, {}, false};
}

std::string removal_hint(const Destination& to, const KnownKey& record) {
  const std::string name = names_match(record.names, recorded_name(to)) ? recorded_name(to) : to.host_name;
  return "ssh-keygen -R '" + name + "' -f '" + record.file + "'";
}

Result<> judge_host_key(const Destination& to, const KnownHost& known, const std::string& type,
                        const std::string& key_fingerprint) {
  const auto answer = known.look_up(type, key_fingerprint);
  const std::string shown = visible(type) + " " + key_fingerprint;
  switch (answer.state) {
    case KnownHost::State::known:
      return {};
    case KnownHost::State::revoked:
      return fail(Code::host_key_mismatch,
                  "the host key of " + to.where() + " (" + shown + ") is revoked in " + place(*answer.record),
                  "do not connect; ask whoever runs the host for its new key");
    case KnownHost::State::changed:
      return fail(Code::host_key_mismatch,
                  "the host key of " + to.where() + " has changed: it shows " + shown + ", on record is " +
                      answer.record->fingerprint + " (" + place(*answer.record) + ")",
                  "somebody may be in between; if the host was set up anew: " +
                      removal_hint(to, *answer.record) + ", then: grid node trust NODE");
    case KnownHost::State::other_type:
      return fail(Code::host_key_mismatch,
                  "the host key of " + to.where() + " is not known (" + shown +
                      "); on record is a key of type " + answer.record->type + " (" + place(*answer.record) +
                      ")",
                  "compare the fingerprint with the host's, then: grid node trust NODE");
    case KnownHost::State::unknown:
      break;
  }
  return fail(Code::host_key_mismatch, "the host key of " + to.where() + " is not known (" + shown + ")",
              known.has_authority()
                  ? "@cert-authority lines count only with `client: openssh`; or compare the "
                    "fingerprint with the host's, then: grid node trust NODE"
                  : "compare the fingerprint with the host's, then: grid node trust NODE");
}

Error of_node(Error error, const std::string& node) {
  constexpr std::string_view placeholder = "node trust NODE";
  error.message = "node " + node + ": " + error.message;
  if (const auto at = error.hint.find(placeholder); at != std::string::npos)
    error.hint.replace(at, placeholder.size(), "node trust " + node);
  return error;
}

}  // namespace grid::ssh
