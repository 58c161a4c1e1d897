#include "proxy.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "failures.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::ssh {
namespace {

constexpr off_t most = 64 << 10;

// What ssh makes of ProxyJump: another ssh, to the last of the hosts named, by way of the ones before.
std::vector<std::string> jump_command(const Destination& to) {
  std::vector<std::string> argv{"ssh"};
  if (!to.setup.ssh_config.empty()) argv.insert(argv.end(), {"-F", to.setup.ssh_config});
  std::string last = to.proxy_jump;
  if (const auto comma = last.rfind(','); comma != std::string::npos) {
    argv.insert(argv.end(), {"-J", last.substr(0, comma)});
    last.erase(0, comma + 1);
  }
  if (const auto colon = last.rfind(':');
      colon != std::string::npos && !last.starts_with("ssh://") &&
      (last[colon - (colon > 0 ? 1 : 0)] == ']' || last.find(':') == colon)) {
    argv.insert(argv.end(), {"-p", last.substr(colon + 1)});
    last.erase(colon);
  }
  if (const auto open = last.find('['); open != std::string::npos && last.ends_with(']')) {
    last.pop_back();
    last.erase(open, 1);
  }
  const bool v6 = to.host_name.find(':') != std::string::npos;
  argv.insert(argv.end(),
              {"-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ForwardAgent=no", "-o",
               "ServerAliveInterval=5", "-o", "ServerAliveCountMax=2", "-W",
               (v6 ? "[" + to.host_name + "]" : to.host_name) + ":" + std::to_string(to.port), "--", last});
  return argv;
}

}  // namespace

Complaints::Complaints() : file_(::memfd_create("grid-ssh", MFD_CLOEXEC)) {
  ::fcntl(file_.get(), F_SETFL, O_APPEND);
}

std::string Complaints::text() const {
  struct stat facts {};
  if (::fstat(file_.get(), &facts) != 0) return {};
  const off_t from = std::max<off_t>(0, facts.st_size - most);
  std::string out(static_cast<std::size_t>(facts.st_size - from), '\0');
  const ssize_t got = ::pread(file_.get(), out.data(), out.size(), from);
  out.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return out;
}

std::string Complaints::last_line() const {
  std::string all = text();
  while (!all.empty()) {
    const auto newline = all.rfind('\n');
    std::string line = all.substr(newline == std::string::npos ? 0 : newline + 1);
    all.resize(newline == std::string::npos ? 0 : newline);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !line.starts_with("debug")) return visible(line);
  }
  return {};
}

void Complaints::trim() const {
  struct stat facts {};
  if (::fstat(file_.get(), &facts) == 0 && facts.st_size > most) (void)!::ftruncate(file_.get(), 0);
}

Result<Proxy> start_proxy(const Destination& to) {
  std::vector<std::string> argv;
  if (!to.proxy_command.empty()) {
    const auto command = to.expand(to.proxy_command);
    if (!command)
      return fail(Code::config_invalid,
                  "the ProxyCommand for " + to.where() +
                      " has a token that is not known here: " + visible(to.proxy_command),
                  "use `client: openssh` for this node");
    argv = {"/bin/sh", "-c", "exec " + *command};
  } else {
    argv = jump_command(to);
  }
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return fail(Code::internal, std::string("no socket pair: ") + std::strerror(errno), {}, true);
  Proxy proxy;
  proxy.socket = Fd(pair[0]);
  const Fd far(pair[1]);
  ::fcntl(proxy.socket.get(), F_SETFL, O_NONBLOCK);  // ours alone: the child's end blocks, as programs expect
  auto child =
      Child::start(std::move(argv), {.in = far.get(), .out = far.get(), .err = proxy.complaints.get()});
  if (!child) return fail(child.error());
  proxy.child = std::move(*child);
  return proxy;
}

}  // namespace grid::ssh
