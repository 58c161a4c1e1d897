#include "openssh_log.hpp"

#include <algorithm>

#include "failures.hpp"
#include "grid/sdk/bytes.hpp"
#include "login_refused.hpp"

namespace grid::ssh {
namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    while (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) out.push_back(line);
  }
  return out;
}

std::string_view after_last(std::string_view log, std::string_view mark) {
  std::string_view found;
  for (const std::string_view line : lines_of(log)) {
    if (line.starts_with(mark)) found = line.substr(mark.size());
  }
  return found;
}

// The reason at the end of "ssh: connect to host X port N: Connection refused".
std::string_view reason(std::string_view line) {
  const auto colon = line.rfind(": ");
  return colon == std::string_view::npos ? line : line.substr(colon + 2);
}

}  // namespace

std::vector<std::string> strict_options() {
  std::vector<std::string> out;
  for (const char* option :
       {"BatchMode=yes", "StrictHostKeyChecking=yes", "NoHostAuthenticationForLocalhost=no",
        "UpdateHostKeys=no", "ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes", "Tunnel=no",
        "PermitLocalCommand=no", "RemoteCommand=none", "RequestTTY=no", "ControlPersist=no",
        "ForkAfterAuthentication=no", "ConnectionAttempts=1", "TCPKeepAlive=yes", "ServerAliveInterval=5",
        "ServerAliveCountMax=2", "LogLevel=DEBUG1"})
    out.insert(out.end(), {"-o", option});
  return out;
}

std::string last_words(std::string_view log) {
  std::string_view found;
  for (const std::string_view line : lines_of(log)) {
    // What follows a proxy's end says nothing: the line before does.
    const bool echo = line.starts_with("kex_exchange_identification:") ||
                      line.starts_with("banner exchange:") ||
                      line.starts_with("Connection closed by UNKNOWN");
    if (!line.starts_with("debug") && !line.starts_with("OpenSSH_") && !(echo && !found.empty()))
      found = line;
  }
  return visible(found);
}

ShownKey shown_key(std::string_view log) {
  const std::string_view shown = after_last(log, "debug1: Server host key: ");
  const auto blank = shown.find(' ');
  if (blank == std::string_view::npos) return {};
  return {std::string(shown.substr(0, blank)), std::string(shown.substr(blank + 1))};
}

std::string accepted_login(std::string_view log) {
  // "Server accepts key: FILE TYPE SHA256:… explicit"
  const std::string_view key = after_last(log, "debug1: Server accepts key: ");
  const auto print = key.find(" SHA256:");
  if (print == std::string_view::npos) return "ssh's own means";
  const auto type = key.substr(0, print).rfind(' ');
  const auto end = key.find(' ', print + 1);
  return visible(key.substr(0, type)) +
         visible(key.substr(print, end == std::string_view::npos ? end : end - print));
}

Error connection_error(const Destination& to, std::string_view log, Clock::time_point deadline,
                       const Stopping& stopping) {
  const auto says = [log](std::string_view text) { return log.find(text) != std::string_view::npos; };
  const std::string words = last_words(log);
  const ShownKey key = shown_key(log);
  if (says("Host key verification failed") && !key.type.empty()) {
    const auto judged = judge_host_key(to, load_known_hosts(to), key.type, key.fingerprint);
    if (!judged) return judged.error();
    return Error{Code::host_key_mismatch,
                 "ssh does not take the host key of " + to.where() + ": " + words,
                 {},
                 {},
                 false};
  }
  if (says("no matching host key type found") || says("no matching key exchange method found") ||
      says("no matching cipher found") || says("no matching MAC found"))
    return nothing_in_common(to, words, false);
  if (says("Permission denied (") || says("Too many authentication failures") ||
      says("No more authentication methods"))
    return login_refused(to, says("Too many authentication failures") ? "too many keys were tried" : "",
                         false, deadline, stopping);
  if (says("Bad configuration option") || says("terminating, "))
    return Error{Code::config_invalid,
                 "ssh does not take its configuration: " + words,
                 "see: ssh -G " + visible(to.host),
                 {},
                 false};
  if (to.proxied() && key.type.empty()) return proxy_failed(to, words);
  if (says("Could not resolve hostname")) return no_such_name(to, reason(words));
  if (says(": Connection refused")) return refused(to);
  if (says(": Connection timed out") || says(": Operation timed out")) {
    return says("Connection timed out during banner exchange") || says("Connection established")
               ? silent_after_connect(to)
               : silent(to);
  }
  if (says("No route to host") || says("Network is unreachable")) return no_route(to, reason(words));
  // What comes before a banner is shown at this level. sshd says so in place of its own when it takes no
  // more.
  for (const std::string_view full : {"Exceeded MaxStartups", "Not allowed at this time"}) {
    if (says(full)) return closed_early(to, full);
  }
  if (says("kex_exchange_identification: banner line")) return not_ssh(to);
  if (says("kex_exchange_identification") || says("Connection reset") || says("Connection closed by"))
    return closed_early(to, "");
  return Error{Code::node_unreachable,
               "ssh cannot connect to " + to.where() + (words.empty() ? "" : ": " + words),
               "try it by hand: ssh -v " + visible(to.host),
               {},
               true};
}

}  // namespace grid::ssh
