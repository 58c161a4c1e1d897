// For tests: real SSH servers on 127.0.0.1, each with its own keys and configuration in a folder of its own,
// and the client's configuration that leads to it. Nothing of the user's own ~/.ssh is read or written.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "child.hpp"
#include "destination.hpp"
#include "grid/sdk/fd.hpp"

namespace grid::ssh::testing {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

inline const Stopping never{false};
inline Clock::time_point in(std::chrono::milliseconds time) { return Clock::now() + time; }

class Folder {
 public:
  Folder() {
    std::string pattern = "/tmp/grid-ssh-test-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path operator/(const std::string& name) const { return path_ / name; }
  [[nodiscard]] std::string str() const { return path_.string(); }

 private:
  fs::path path_;
};

inline void write_file(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  ::chmod(path.c_str(), 0600);
}
inline std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the program printed; a failure of the test when it fails.
inline std::string run_program(std::vector<std::string> argv) {
  const std::string name = argv.front();
  const auto finished = run(std::move(argv), in(20s), never);
  if (!finished) {
    ADD_FAILURE() << finished.error().message;
    return {};
  }
  EXPECT_EQ(finished->status, 0) << name << ": " << finished->err << finished->out;
  return finished->out;
}

// A key pair FILE and FILE.pub.
inline void make_key(const fs::path& file, const std::string& type, const std::string& passphrase = "",
                     const std::vector<std::string>& more = {}) {
  std::vector<std::string> argv{"ssh-keygen", "-q", "-t",   type, "-N",
                                passphrase,   "-C", "test", "-f", file.string()};
  argv.insert(argv.end(), more.begin(), more.end());
  run_program(std::move(argv));
}

// "ssh-ed25519 AAAA…" of FILE.pub, without the comment.
inline std::string public_key(const fs::path& file) {
  const std::string text = read_file(file.string() + ".pub");
  return text.substr(0, text.find(' ', text.find(' ') + 1));
}
inline std::string fingerprint_of(const fs::path& file) {
  const std::string text = run_program({"ssh-keygen", "-l", "-E", "sha256", "-f", file.string() + ".pub"});
  const auto from = text.find("SHA256:");
  return text.substr(from, text.find(' ', from) - from);
}

inline std::string user_name() { return ::getpwuid(::getuid())->pw_name; }

// A port that was free a moment ago.
inline std::uint16_t free_port() {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ::ntohs(address.sin_port);
}

// `pid` and all that descend from it now.
inline std::vector<pid_t> family(pid_t pid) {
  std::vector<pid_t> out{pid};
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::error_code ignored;
    for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(out[i]) + "/task", ignored)) {
      std::ifstream children(task.path() / "children");
      for (pid_t child = 0; children >> child;) out.push_back(child);
    }
  }
  return out;
}

enum class Kind { openssh, dropbear };
inline std::string name_of(Kind kind) { return kind == Kind::openssh ? "openssh" : "dropbear"; }

// Why such a server cannot be had here; empty when it can.
inline std::string missing(Kind kind) {
  if (kind == Kind::openssh) return ::access("/usr/sbin/sshd", X_OK) == 0 ? "" : "no sshd (openssh-server)";
  if (::access("/usr/sbin/dropbear", X_OK) != 0) return "no dropbear (dropbear-bin)";
  // It reads only ~/.ssh/authorized_keys: it gets a home of its own in a mount namespace of its own.
  return ::getuid() == 0 ? "" : "dropbear with keys of its own needs root (a mount namespace)";
}

class Server {
 public:
  struct Options {
    Kind kind = Kind::openssh;
    std::vector<std::string> host_key_types{"ed25519"};
    std::string config;  // more lines for sshd_config; they win over the ones here
  };

  // Listens when it is made. Keys that may log in: `authorized` (public key lines).
  Server(const fs::path& folder, const std::string& authorized, Options options)
      : folder_(folder), options_(std::move(options)) {
    fs::create_directories(folder_ / "home" / ".ssh");
    ::chmod((folder_ / "home").c_str(), 0700);
    ::chmod((folder_ / "home" / ".ssh").c_str(), 0700);
    allow(authorized);
    for (const std::string& type : options_.host_key_types) make_host_key(type);
    for (int attempt = 0; attempt < 5 && !start(); ++attempt) {
    }
    EXPECT_NE(port_, 0) << "no server: " << log();
  }
  ~Server() { kill(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string log() const { return read_file(folder_ / "log"); }
  [[nodiscard]] fs::path host_key(const std::string& type = "ed25519") const {
    return folder_ / ("host_" + type);
  }
  // "[127.0.0.1]:2222 ssh-ed25519 AAAA…"
  [[nodiscard]] std::string known_line(const std::string& type = "ed25519") const {
    return name() + " " + public_key(host_key(type)) + "\n";
  }
  [[nodiscard]] std::string name() const { return "[127.0.0.1]:" + std::to_string(port_); }
  void allow(const std::string& authorized) const {
    write_file(folder_ / "home" / ".ssh" / "authorized_keys", authorized);
  }
  // At once, with all sessions. What the sessions started goes too.
  void kill() {
    if (!process_) return;
    for (const pid_t pid : family(process_.pid())) {
      if (pid != process_.pid()) ::kill(pid, SIGKILL);
    }
    process_.end(0ms);
  }
  // Killed, with all sessions, and there again.
  void restart() {
    kill();
    EXPECT_TRUE(start(port_)) << log();
  }
  // SIGSTOP or SIGCONT to the server and its sessions.
  void signal(int number) const {
    for (const pid_t pid : family(process_.pid())) ::kill(pid, number);
  }
  // A new host key of the type, from now on.
  void change_host_key(const std::string& type = "ed25519") {
    kill();
    fs::remove(host_key(type));
    fs::remove(host_key(type).string() + ".pub");
    make_host_key(type);
    EXPECT_TRUE(start(port_)) << log();
  }

 private:
  void make_host_key(const std::string& type) const {
    make_key(host_key(type), type, "",
             type == "rsa" ? std::vector<std::string>{"-b", "2048"} : std::vector<std::string>{});
    if (options_.kind == Kind::dropbear)
      run_program({"dropbearconvert", "openssh", "dropbear", host_key(type).string(),
                   host_key(type).string() + ".dropbear"});
  }

  bool start(std::uint16_t port = 0) {
    port_ = port != 0 ? port : free_port();
    const Fd log_file(
        ::open((folder_ / "log").c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
    auto child = Child::start(options_.kind == Kind::openssh ? openssh() : dropbear(),
                              {.in = -1, .out = log_file.get(), .err = log_file.get()});
    if (!child) return false;
    process_ = std::move(*child);
    for (const auto until = in(10s); Clock::now() < until && !process_.status();) {
      if (answers()) return true;
      std::this_thread::sleep_for(5ms);
    }
    process_.end(0ms);
    port_ = 0;
    return false;
  }

  [[nodiscard]] bool answers() const {
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    address.sin_port = ::htons(port_);
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  [[nodiscard]] std::vector<std::string> openssh() const {
    if (::getuid() == 0) fs::create_directories("/run/sshd");  // where sshd locks itself in before login
    std::string text =
        options_.config + "\nListenAddress 127.0.0.1:" + std::to_string(port_) +
        "\nUsePAM no\nStrictModes no\nPidFile none\nLogLevel VERBOSE\nPrintMotd no\n"
        "PermitRootLogin prohibit-password\nMaxStartups 100\nMaxSessions 10\nAuthorizedKeysFile " +
        (folder_ / "home" / ".ssh" / "authorized_keys").string() + "\n";
    for (const std::string& type : options_.host_key_types)
      text += "HostKey " + host_key(type).string() + "\n";
    write_file(folder_ / "sshd_config", text);
    return at_home({"/usr/sbin/sshd", "-D", "-e", "-f", (folder_ / "sshd_config").string()});
  }

  [[nodiscard]] std::vector<std::string> dropbear() const {
    std::vector<std::string> argv{
        "/usr/sbin/dropbear", "-F", "-E", "-m", "-p", "127.0.0.1:" + std::to_string(port_)};
    for (const std::string& type : options_.host_key_types)
      argv.insert(argv.end(), {"-r", host_key(type).string() + ".dropbear"});
    return at_home(std::move(argv));
  }

  // As root in a mount namespace where the user's home is the server's own: so that no profile of this
  // machine runs, and because dropbear reads authorized_keys nowhere else.
  [[nodiscard]] std::vector<std::string> at_home(std::vector<std::string> argv) const {
    if (::getuid() != 0) return argv;
    const std::string command = R"(mount --bind "$0" "$1" && shift && exec "$@")";
    std::vector<std::string> out{
        "unshare", "-m", "sh", "-c", command, (folder_ / "home").string(), ::getpwuid(::getuid())->pw_dir};
    out.insert(out.end(), argv.begin(), argv.end());
    return out;
  }

  fs::path folder_;
  Options options_;
  Child process_;
  std::uint16_t port_ = 0;
};

// A server, a user with a key that it lets in, and a configuration in which it is the host `node`, known and
// good.
class World {
 public:
  explicit World(Server::Options options = {}) {
    make_key(folder_ / "id_ed25519", "ed25519");
    server_ = std::make_unique<Server>(folder_ / "server", public_key(folder_ / "id_ed25519") + "\n",
                                       std::move(options));
    std::string known;
    for (const auto& entry : fs::directory_iterator(folder_ / "server")) {
      const std::string file = entry.path().filename().string();
      if (file.starts_with("host_") && file.ends_with(".pub"))
        known += server_->known_line(file.substr(5, file.size() - 9));
    }
    know(known);
    configure("");
  }

  [[nodiscard]] Server& server() { return *server_; }
  [[nodiscard]] Folder& folder() { return folder_; }
  [[nodiscard]] Setup setup() const { return {.ssh_config = (folder_ / "config").string()}; }
  [[nodiscard]] fs::path known_hosts() const { return folder_ / "known_hosts"; }
  void know(const std::string& lines) const { write_file(known_hosts(), lines); }
  // Lines for the host `node`; they win over the ones here. `rest` comes after.
  void configure(const std::string& lines, const std::string& rest = "") const {
    write_file(folder_ / "config",
               "Host node\n" + lines + "\n  HostName 127.0.0.1\n  Port " + std::to_string(server_->port()) +
                   "\n  User " + user_name() + "\n" + rest + "Host *\n  UserKnownHostsFile " +
                   known_hosts().string() + "\n  GlobalKnownHostsFile /dev/null\n  IdentityFile " +
                   (folder_ / "id_ed25519").string() + "\n  IdentityAgent none\n  IdentitiesOnly yes\n");
  }

 private:
  Folder folder_;
  std::unique_ptr<Server> server_;
};

// A port that takes connections and says nothing, or what it is told to; counts the bytes it gets.
class FakeServer {
 public:
  explicit FakeServer(std::string greeting = "") {
    listener_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_.get(), 8);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ::ntohs(address.sin_port);
    thread_ = std::thread([this, greeting] { serve(greeting); });
  }
  ~FakeServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve(const std::string& greeting) {
    std::vector<Fd> held;
    while (true) {
      Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      (void)!::send(peer.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL);
      if (greeting.empty())
        held.push_back(std::move(peer));  // silent
      else
        ::shutdown(peer.get(), SHUT_WR);
    }
  }

  Fd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace grid::ssh::testing
