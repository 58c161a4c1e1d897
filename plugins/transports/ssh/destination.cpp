#include "destination.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <map>

#include "child.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::ssh {
namespace {

std::string home() {
  // As ssh does: the account's, whatever HOME says.
  const passwd* account = ::getpwuid(::getuid());
  return account != nullptr ? account->pw_dir : "/";
}

std::string local_user() {
  const passwd* account = ::getpwuid(::getuid());
  return account != nullptr ? account->pw_name : std::to_string(::getuid());
}

std::string local_host() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string with_home(std::string path) {
  if (path.starts_with("~/")) return home() + path.substr(1);
  return path;
}

std::optional<std::uint16_t> number(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

// Paths are printed side by side, unquoted. All start with / or ~ in practice; a blank elsewhere belongs to
// its path.
std::vector<std::string> paths(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    std::size_t end = 1;
    while (end < text.size() && !(text[end - 1] == ' ' && (text[end] == '/' || text[end] == '~'))) ++end;
    std::string_view path = text.substr(0, end);
    text.remove_prefix(end);
    while (path.ends_with(' ')) path.remove_suffix(1);
    if (!path.empty() && path != "none") out.push_back(with_home(std::string(path)));
  }
  return out;
}

// An address ends up in proxy commands, which a shell runs: what ssh itself refuses there, and blanks.
bool harmless(std::string_view text) {
  return !text.empty() && !text.starts_with('-') && std::all_of(text.begin(), text.end(), [](char each) {
    const auto byte = static_cast<unsigned char>(each);
    return byte > 0x20 && byte != 0x7f &&
           std::string_view("'`\"$\\;&<>|(){}!*?#").find(each) == std::string_view::npos;
  });
}

// Splits user, host and port, and says how to name them to ssh.
Result<> take_apart(Destination& to) {
  const auto refuse = [&to] {
    return fail(
        Code::usage, "'" + visible(to.address) + "' is no address of a host",
        "an address is an alias of ~/.ssh/config, HOST, USER@HOST, USER@HOST:PORT or ssh://USER@HOST:PORT");
  };
  if (!to.setup.ssh_config.empty()) to.arguments = {"-F", to.setup.ssh_config};
  std::string_view rest = to.address;
  if (rest.starts_with("ssh://")) {
    rest.remove_prefix(6);
    if (rest.ends_with('/')) rest.remove_suffix(1);
  }
  if (!harmless(rest)) return refuse();
  std::string target;
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    if (at == 0) return refuse();
    target = rest.substr(0, at + 1);
    rest.remove_prefix(at + 1);
  }
  std::string_view port;
  bool has_port = false;
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return refuse();
    const std::string_view after = rest.substr(close + 1);
    if (!after.empty() && !after.starts_with(':')) return refuse();
    has_port = !after.empty();
    if (has_port) port = after.substr(1);
    rest = rest.substr(1, close - 1);
  } else if (const auto colon = rest.find(':'); colon != std::string_view::npos && colon == rest.rfind(':')) {
    has_port = true;
    port = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
  }
  if (!harmless(rest) || (has_port && !number(port))) return refuse();
  to.host = rest;
  target += rest;
  if (has_port) to.arguments.insert(to.arguments.end(), {"-p", std::string(port)});
  to.arguments.insert(to.arguments.end(), {"--", target});
  return {};
}

}  // namespace

std::string Destination::host_and_port() const {
  const bool v6 = host_name.find(':') != std::string::npos;
  return (v6 ? "[" + host_name + "]" : host_name) + ":" + std::to_string(port);
}

std::string Destination::where() const {
  return host == host_name ? host_and_port() : host + " (" + host_and_port() + ")";
}

std::optional<std::string> Destination::expand(std::string_view text) const {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) {
      const auto close = text.find('}', i);
      if (close == std::string_view::npos) return std::nullopt;
      const char* value = std::getenv(std::string(text.substr(i + 2, close - i - 2)).c_str());
      if (value == nullptr) return std::nullopt;
      out += value;
      i = close;
      continue;
    }
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    switch (text[i]) {
      case '%':
        out += '%';
        break;
      case 'd':
        out += home();
        break;
      case 'h':
        out += host_name;
        break;
      case 'i':
        out += std::to_string(::getuid());
        break;
      case 'k':
        out += host_key_alias.empty() ? host : host_key_alias;
        break;
      case 'L':
        out += local_host().substr(0, local_host().find('.'));
        break;
      case 'l':
        out += local_host();
        break;
      case 'n':
        out += host;
        break;
      case 'p':
        out += std::to_string(port);
        break;
      case 'r':
        out += user;
        break;
      case 'u':
        out += local_user();
        break;
      default:
        return std::nullopt;
    }
  }
  return out;
}

Result<> read_settings(std::string_view text, Destination& to) {
  std::vector<std::string> identity_files;
  std::string agent = "SSH_AUTH_SOCK";
  bool port_read = false;
  const std::map<std::string_view, std::string*> texts = {
      {"hostname", &to.host_name},
      {"user", &to.user},
      {"proxyjump", &to.proxy_jump},
      {"proxycommand", &to.proxy_command},
      {"hostkeyalias", &to.host_key_alias},
      {"identityagent", &agent},
      {"stricthostkeychecking", &to.strict_host_key_checking},
  };
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, blank);
    const std::string_view value = line.substr(blank + 1);
    if (const auto known = texts.find(key); known != texts.end()) {
      *known->second = value;
    } else if (key == "port") {
      if (const auto port = number(value)) {
        to.port = *port;
        port_read = true;
      }
    } else if (key == "identityfile") {
      if (value != "none") identity_files.emplace_back(value);
    } else if (key == "identitiesonly") {
      to.identities_only = value == "yes";
    } else if (key == "userknownhostsfile") {
      to.user_known_hosts = paths(value);
    } else if (key == "globalknownhostsfile") {
      to.global_known_hosts = paths(value);
    } else if (key == "hashknownhosts") {
      to.hash_known_hosts = value == "yes";
    } else if (key == "connecttimeout") {
      if (const auto seconds = number(value)) to.connect_timeout = std::chrono::seconds(*seconds);
    }
  }
  if (to.host_name.empty() || to.user.empty() || !port_read)
    return fail(Code::config_invalid, "'ssh -G' does not say where '" + visible(to.address) + "' leads",
                "see what it prints: ssh -G " + visible(to.host));
  if (to.proxy_jump == "none") to.proxy_jump.clear();
  if (to.proxy_command == "none") to.proxy_command.clear();

  for (const std::string& each : identity_files) {
    if (auto file = to.expand(each)) to.identity_files.push_back(with_home(std::move(*file)));
  }
  if (agent == "SSH_AUTH_SOCK" || agent.starts_with('$')) {
    const char* socket = std::getenv(agent.starts_with('$') ? agent.c_str() + 1 : agent.c_str());
    to.agent = socket != nullptr ? socket : "";
  } else if (agent != "none") {
    to.agent = with_home(to.expand(agent).value_or(std::string()));
  }
  return {};
}

Result<Destination> resolve(const std::string& address, const Setup& setup, Clock::time_point deadline,
                            const Stopping& stopping) {
  Destination to;
  to.address = address;
  to.setup = setup;
  if (auto apart = take_apart(to); !apart) return fail(apart.error());
  std::vector<std::string> argv{"ssh", "-G", "-T"};
  argv.insert(argv.end(), to.arguments.begin(), to.arguments.end());
  const auto finished = run(std::move(argv), deadline, stopping);
  if (!finished) return fail(finished.error());
  if (finished->status != 0) {
    std::string why = finished->err;
    while (why.ends_with('\n') || why.ends_with('\r')) why.pop_back();
    return fail(Code::config_invalid,
                "ssh does not take the address '" + visible(address) + "': " + visible(why),
                "see: ssh -G " + visible(to.host));
  }
  if (auto read = read_settings(finished->out, to); !read) return fail(read.error());
  return to;
}

}  // namespace grid::ssh
