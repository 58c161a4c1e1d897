// The sockets of one network namespace by inode, from /proc/PID/net. Pure parsers and one reader. [any]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace grid {

struct SocketFact {
  enum class Family { tcp, udp, local, kernel };  // local: AF_UNIX; kernel: netlink
  Family family = Family::tcp;
  bool listening = false;
  bool connected = false;
  std::string local;   // "127.0.0.1:80", or the path of an AF_UNIX socket
  std::string remote;  // "10.0.0.7:443"
  friend bool operator==(const SocketFact&, const SocketFact&) = default;
};

struct SocketTable {
  std::unordered_map<std::uint64_t, SocketFact> by_inode;
};

void parse_tcp(std::string_view text, SocketTable& table);
void parse_udp(std::string_view text, SocketTable& table);
void parse_unix(std::string_view text, SocketTable& table);
void parse_netlink(std::string_view text, SocketTable& table);

// The tables below /proc/PID/net, each at most 4 MiB, read one after the other only as far as sockets are
// asked for that the ones before do not name: most programs have none but AF_UNIX ones. `proc` is a
// descriptor of the folder /proc and outlives it. [any], one thread at a time.
class Sockets {
 public:
  explicit Sockets(int proc) : proc_(proc) {}
  // Seen from the process `pid`, which is of this namespace. Absent: not in any table.
  [[nodiscard]] std::optional<SocketFact> find(std::int32_t pid, std::uint64_t inode);

 private:
  int proc_;
  std::size_t read_ = 0;  // tables so far
  SocketTable table_;
};

// The inode at the other end of an AF_UNIX socket of our own network namespace (the kernel is asked by
// sock_diag). Absent: not connected, or not known.
[[nodiscard]] std::optional<std::uint64_t> unix_peer(std::uint64_t inode);

}  // namespace grid
