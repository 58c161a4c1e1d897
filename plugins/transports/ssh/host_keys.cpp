#include "host_keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "digest.hpp"
#include "failures.hpp"
#include "grid/sdk/bytes.hpp"
#include "grid/sdk/fd.hpp"
#include "openssh_log.hpp"
#include "proxy.hpp"

namespace grid::ssh {
namespace {

namespace fs = std::filesystem;

struct Kind {
  const char* algorithms;  // for HostKeyAlgorithms
  const char* type;
};
// Best first.
constexpr std::array<Kind, 5> kinds = {{{"ssh-ed25519", "ssh-ed25519"},
                                        {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
                                        {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
                                        {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
                                        {"rsa-sha2-512,rsa-sha2-256", "ssh-rsa"}}};

class Folder {
 public:
  Folder() {
    std::string pattern = "/tmp/grid-ssh-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Look {
  Child ssh;
  Complaints log;
  std::string file;
};

Result<Look> begin(const Destination& to, const Kind& kind, const std::string& folder,
                   Clock::time_point deadline) {
  Look look;
  look.file = folder + "/" + kind.type;
  // ssh splits the command by its own rules, without a shell, and puts type (%t) and key (%K) in their
  // places.
  const std::string command = "/bin/sh -c 'echo \"$1\" \"$2\" >>\"$0\"' " + look.file + " %t %K";
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(deadline - Clock::now()).count();
  std::vector<std::string> argv{"ssh", "-N", "-T"};
  for (const std::string& option :
       {"KnownHostsCommand=" + command, std::string("UserKnownHostsFile=none"),
        std::string("GlobalKnownHostsFile=none"), std::string("VerifyHostKeyDNS=no"),
        std::string("GSSAPIKeyExchange=no"), std::string("HostKeyAlgorithms=") + kind.algorithms,
        "ConnectTimeout=" + std::to_string(std::max<decltype(seconds)>(seconds, 1))})
    argv.insert(argv.end(), {"-o", option});
  for (std::string& option : strict_options()) argv.push_back(std::move(option));
  argv.insert(argv.end(), {"-S", "none"});
  argv.insert(argv.end(), to.arguments.begin(), to.arguments.end());
  auto child = Child::start(std::move(argv), {.in = -1, .out = -1, .err = look.log.get()});
  if (!child) return fail(child.error());
  look.ssh = std::move(*child);
  return look;
}

// The key's text as it stands in known_hosts, "TYPE BASE64".
std::optional<std::pair<std::string, std::string>> shown(const Look& look, const Kind& kind) {
  std::ifstream file(look.file);
  for (std::string type, base64; file >> type >> base64;) {
    const auto blob = decode_base64(base64);
    if (type == kind.type && blob && key_type(*blob) == type) return std::pair(type + " " + base64, *blob);
  }
  return std::nullopt;
}

HostKey judged(const KnownHost& known, const std::string& text, const std::string& blob) {
  HostKey key;
  key.type = key_type(blob);
  key.fingerprint = fingerprint(blob);
  key.line = text;
  const auto answer = known.look_up(key.type, key.fingerprint);
  switch (answer.state) {
    case KnownHost::State::known:
      key.known = HostKey::Known::known;
      break;
    case KnownHost::State::revoked:
      key.known = HostKey::Known::revoked;
      break;
    case KnownHost::State::changed:
      key.known = HostKey::Known::changed;
      key.known_fingerprint = answer.record->fingerprint;
      break;
    case KnownHost::State::unknown:
    case KnownHost::State::other_type:
      break;
  }
  return key;
}

std::string hashed(const std::string& name) {
  const std::string salt = random_bytes(20);
  if (salt.empty()) return name;
  return "|1|" + encode_base64(salt) + "|" + encode_base64(hmac_sha1(salt, name));
}

tl::unexpected<Error> cannot_write(const std::string& file) {
  return fail(Code::storage_failed, "cannot write " + file + ": " + std::strerror(errno));
}

// One write at the end of the file: whoever else appends meanwhile does not mix with it.
Result<> append(const std::string& file, std::string line) {
  const fs::path folder = fs::path(file).parent_path();
  std::error_code error;
  if (!folder.empty() && !fs::exists(folder, error) && ::mkdir(folder.c_str(), 0700) != 0)
    return cannot_write(file);
  const Fd fd(::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return cannot_write(file);
  struct stat facts {};
  char last = '\n';
  if (::fstat(fd.get(), &facts) == 0 && facts.st_size > 0)
    (void)!::pread(fd.get(), &last, 1, facts.st_size - 1);
  if (last != '\n') line.insert(0, "\n");
  if (::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    return cannot_write(file);
  return {};
}

}  // namespace

Result<HostKeys> host_keys(const Destination& to, Clock::time_point deadline, const Stopping& stopping) {
  const Folder folder;
  if (folder.path().empty())
    return fail(Code::storage_failed, std::string("no folder in /tmp: ") + std::strerror(errno));
  std::vector<Look> looks;
  for (const Kind& kind : kinds) {
    auto look = begin(to, kind, folder.path(), deadline);
    if (!look) return fail(look.error());
    looks.push_back(std::move(*look));
  }
  for (Look& look : looks) {
    while (!look.ssh.status()) {
      if (stopping.load()) return fail(given_up(to));
      if (Clock::now() >= deadline) break;
      pollfd ended{look.ssh.pidfd(), POLLIN, 0};
      ::poll(&ended, 1, poll_ms(deadline));
    }
  }
  HostKeys out;
  out.destination = recorded_name(to);
  out.file = to.user_known_hosts.empty() ? std::string() : to.user_known_hosts.front();
  const KnownHost known = load_known_hosts(to);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (const auto key = shown(looks[i], kinds[i]))
      out.keys.push_back(judged(known, key->first, key->second));
  }
  if (!out.keys.empty()) return out;
  const std::string log = looks.front().log.text();
  if (log.find("knownhostscommand") != std::string::npos &&
      log.find("Bad configuration option") != std::string::npos)
    return fail(Code::config_invalid, "this ssh is too old to be asked for the keys of a host",
                "update OpenSSH to 8.5 or newer, or connect once by hand: ssh " + visible(to.host));
  if (!looks.front().ssh.status())
    return fail(log.find("Connection established") != std::string::npos ? silent_after_connect(to)
                                                                        : silent(to));
  return fail(connection_error(to, log, deadline, stopping));
}

Result<HostKeys> host_keys(const std::string& address, const Setup& setup, Clock::time_point deadline,
                           const Stopping& stopping) {
  const auto to = resolve(address, setup, deadline, stopping);
  if (!to) return fail(to.error());
  return host_keys(*to, deadline, stopping);
}

Result<> trust_host_key(const std::string& address, const Setup& setup, const HostKey& key,
                        Clock::time_point deadline, const Stopping& stopping) {
  const auto to = resolve(address, setup, deadline, stopping);
  if (!to) return fail(to.error());
  const auto blank = key.line.find(' ');
  const auto blob =
      decode_base64(std::string_view(key.line).substr(blank == std::string::npos ? 0 : blank + 1));
  if (blank == std::string::npos || !blob || key_type(*blob) != key.line.substr(0, blank) ||
      fingerprint(*blob) != key.fingerprint)
    return fail(Code::usage, "what is to be trusted for " + to->where() + " is no host key",
                "take it as it was shown: grid node trust NODE");
  const KnownHost known = load_known_hosts(*to);
  const auto answer = known.look_up(key_type(*blob), key.fingerprint);
  if (answer.state == KnownHost::State::known) return {};
  if (answer.state == KnownHost::State::revoked || answer.state == KnownHost::State::changed)
    return judge_host_key(*to, known, key_type(*blob), key.fingerprint);
  if (to->user_known_hosts.empty())
    return fail(Code::config_invalid,
                "the ssh configuration for " + to->where() + " names no file for known hosts",
                "set UserKnownHostsFile");
  std::string name = recorded_name(*to);
  if (to->hash_known_hosts) {
    std::transform(name.begin(), name.end(), name.begin(), [](char each) {
      return each >= 'A' && each <= 'Z' ? static_cast<char>(each - 'A' + 'a') : each;
    });
    name = hashed(name);
  }
  return append(to->user_known_hosts.front(), name + " " + key.line + "\n");
}

}  // namespace grid::ssh
