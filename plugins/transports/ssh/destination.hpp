// Where an address leads, by the user's own ssh configuration: what `ssh -G` says.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/result.hpp"
#include "wire.hpp"

namespace grid::ssh {

struct Setup {
  std::string ssh_config;  // for `ssh -F`; empty: the user's and the system's
};

struct Destination {
  std::string address;  // as given
  Setup setup;
  std::vector<std::string> arguments;  // what names it to ssh: -F, -p, --, [user@]host
  std::string host;                    // the name given, without user and port
  std::string host_name;               // what is connected to
  std::uint16_t port = 22;
  std::string user;
  std::vector<std::string> identity_files;
  bool identities_only = false;
  std::string agent;  // the agent's socket; empty: none
  std::string proxy_jump;
  std::string proxy_command;  // as written, with its tokens
  std::vector<std::string> user_known_hosts;
  std::vector<std::string> global_known_hosts;
  std::string host_key_alias;
  bool hash_known_hosts = false;
  std::string strict_host_key_checking;
  std::optional<std::chrono::seconds> connect_timeout;

  [[nodiscard]] bool proxied() const { return !proxy_jump.empty() || !proxy_command.empty(); }
  // "gpu1 (10.0.0.7:22)": for messages.
  [[nodiscard]] std::string where() const;
  // "10.0.0.7:22", "[::1]:22".
  [[nodiscard]] std::string host_and_port() const;
  // %h, %p, %r and so on in a proxy command or the path of a key. nullopt: a token that is not known here.
  [[nodiscard]] std::optional<std::string> expand(std::string_view text) const;
};

// `alias`, `user@host`, `user@host:port`, `ssh://user@host:port`, `[::1]:22`, `::1`. Runs `ssh -G`, so it
// blocks. Errors: usage (no such address), program_not_found (no ssh), config_invalid (ssh refuses its
// configuration), timed_out, cancelled.
Result<Destination> resolve(const std::string& address, const Setup& setup, Clock::time_point deadline,
                            const Stopping& stopping);

// What `ssh -G` printed, into `destination`. Error: config_invalid.
Result<> read_settings(std::string_view text, Destination& destination);

}  // namespace grid::ssh
