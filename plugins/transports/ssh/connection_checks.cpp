#include "connection_checks.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "failures.hpp"
#include "host_keys.hpp"
#include "tcp.hpp"

namespace grid::ssh {
namespace {

std::string peer_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes =
      address.ss_family == AF_INET6
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr)
          : &reinterpret_cast<const sockaddr_in&>(address).sin_addr;
  return ::inet_ntop(address.ss_family, bytes, text.data(), text.size()) != nullptr ? text.data() : "";
}

class Checks {
 public:
  Checks(Client client, const std::string& address, const Setup& setup, Clock::time_point deadline,
         const Stopping& stopping)
      : client_(client), address_(address), setup_(setup), deadline_(deadline), stopping_(stopping) {}

  std::vector<Check> run() {
    if (name() && tcp() && host_key()) authentication();
    for (const char* rest : {"name", "TCP", "host key", "authentication"}) {
      if (std::none_of(out_.begin(), out_.end(), [&](const Check& each) { return each.name == rest; }))
        out_.push_back({rest, Check::State::skipped, "not looked at, for the check before failed", {}});
    }
    return std::move(out_);
  }

 private:
  bool good(std::string what, std::string text) {
    out_.push_back({std::move(what), Check::State::good, std::move(text), {}});
    return true;
  }
  bool bad(std::string what, const Error& error) {
    out_.push_back({std::move(what), Check::State::bad, error.message, error.hint});
    return false;
  }

  bool name() {
    auto to = resolve(address_, setup_, deadline_, stopping_);
    if (!to) return bad("name", to.error());
    to_ = std::move(*to);
    std::string text = "'" + address_ + "' is " + to_.user + " at " + to_.host_and_port();
    if (!to_.proxy_jump.empty()) text += " by way of " + to_.proxy_jump;
    if (!to_.proxy_command.empty()) text += " by a ProxyCommand";
    if (to_.proxied()) return good("name", text);
    // Name and connection in one: a second look-up could give another answer.
    auto socket = connect_tcp(to_, deadline_, stopping_);
    if (!socket && socket.error().message.starts_with(no_such_name(to_, "").message))
      return bad("name", socket.error());
    connected_ = std::move(socket);
    return good("name", text);
  }

  bool tcp() {
    if (to_.proxied()) {
      out_.push_back({"TCP", Check::State::skipped, "a proxy makes the connection", {}});
      return true;
    }
    if (!connected_) return bad("TCP", connected_.error());
    const std::string peer = peer_of(connected_->get());
    connected_->reset();
    return good("TCP", "port " + std::to_string(to_.port) + " of " + peer + " takes connections");
  }

  bool host_key() {
    const auto keys = host_keys(to_, deadline_, stopping_);
    if (!keys) return bad("host key", keys.error());
    const KnownHost known = load_known_hosts(to_);
    for (const HostKey& key : keys->keys) {
      if (key.known == HostKey::Known::known)
        return good("host key", key.type + " " + key.fingerprint + " is on record");
    }
    // The one a connection would stumble over.
    const HostKey* worst = &keys->keys.front();
    for (const HostKey& key : keys->keys) {
      if (key.known == HostKey::Known::revoked ||
          (key.known == HostKey::Known::changed && worst->known == HostKey::Known::unknown))
        worst = &key;
    }
    const auto judged = judge_host_key(to_, known, worst->type, worst->fingerprint);
    if (judged) return good("host key", worst->type + " " + worst->fingerprint + " is on record");
    if (client_ == Client::openssh && known.has_authority()) {
      out_.push_back({"host key", Check::State::warning, "a host certificate is left to ssh to check", {}});
      return true;
    }
    return bad("host key", judged.error());
  }

  void authentication() {
    const auto wire = make_wire(client_, address_, setup_);
    if (auto connected = wire->connect(deadline_, stopping_); !connected) {
      bad("authentication", connected.error());
      return;
    }
    good("authentication", "user '" + to_.user + "' is let in with " + wire->login());
  }

  Client client_;
  const std::string& address_;
  const Setup& setup_;
  Clock::time_point deadline_;
  const Stopping& stopping_;
  Destination to_;
  Result<Fd> connected_;
  std::vector<Check> out_;
};

}  // namespace

std::vector<Check> connection_checks(Client client, const std::string& address, const Setup& setup,
                                     Clock::time_point deadline, const Stopping& stopping) {
  return Checks(client, address, setup, deadline, stopping).run();
}

}  // namespace grid::ssh
