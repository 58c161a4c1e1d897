#include "core/scan/socket_table.hpp"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include "core/scan/proc_files.hpp"
#include "grid/sdk/fd.hpp"

namespace grid {
namespace {

constexpr std::size_t max_table_bytes = 4U << 20U;

template <class Number>
std::optional<Number> number(std::string_view word, int base) {
  Number value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// Calls `row` with the first `Count` words of each line but the first, and what follows them.
template <std::size_t Count, class Row>
void each_row(std::string_view text, Row row) {
  for (bool header = true; !text.empty(); header = false) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (header) continue;
    std::array<std::string_view, Count> words;
    for (auto& word : words) {
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
      word = line.substr(0, line.find(' '));
      line.remove_prefix(word.size());
    }
    if (!words.back().empty()) row(words, line.empty() ? line : line.substr(1));
  }
}

// "0100007F:1F90": words of the address in the byte order of the machine, then the port.
std::optional<std::string> address_text(std::string_view hex) {
  const auto colon = hex.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  const auto port = number<std::uint16_t>(hex.substr(colon + 1), 16);
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < colon / 8; ++i) {
    const auto word = number<std::uint32_t>(hex.substr(i * 8, 8), 16);
    if (!word) return std::nullopt;
    words[i] = *word;
  }
  if (!port) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = colon == 8;
  if (::inet_ntop(v4 ? AF_INET : AF_INET6, words.data(), text.data(), text.size()) == nullptr)
    return std::nullopt;
  return (v4 ? std::string(text.data()) : '[' + std::string(text.data()) + ']') + ':' + std::to_string(*port);
}

void parse_inet(std::string_view text, SocketFact::Family family, SocketTable& table) {
  each_row<10>(text, [&](const std::array<std::string_view, 10>& words, std::string_view) {
    const auto local = address_text(words[1]);
    const auto remote = address_text(words[2]);
    const auto state = number<unsigned>(words[3], 16);
    const auto inode = number<std::uint64_t>(words[9], 10);
    if (!local || !remote || !state || !inode || *inode == 0) return;
    constexpr unsigned closed = 7;
    constexpr unsigned listen = 10;
    SocketFact fact{family, false, false, *local, *remote};
    if (family == SocketFact::Family::tcp) {
      fact.listening = *state == listen;
      fact.connected = *state != listen && *state != closed;
    } else {  // bound to a port, it takes what anybody sends there
      fact.connected = *state != closed;
      fact.listening = !fact.connected && !local->ends_with(":0");
    }
    table.by_inode.insert_or_assign(*inode, std::move(fact));
  });
}

}  // namespace

void parse_tcp(std::string_view text, SocketTable& table) {
  parse_inet(text, SocketFact::Family::tcp, table);
}
void parse_udp(std::string_view text, SocketTable& table) {
  parse_inet(text, SocketFact::Family::udp, table);
}

void parse_unix(std::string_view text, SocketTable& table) {
  each_row<7>(text, [&](const std::array<std::string_view, 7>& words, std::string_view path) {
    const auto flags = number<std::uint32_t>(words[3], 16);
    const auto state = number<unsigned>(words[5], 16);
    const auto inode = number<std::uint64_t>(words[6], 10);
    if (!flags || !state || !inode || *inode == 0) return;
    constexpr std::uint32_t accepts = 0x10000;
    constexpr unsigned connected = 3;
    const bool listening = (*flags & accepts) != 0;
    table.by_inode.insert_or_assign(
        *inode,
        SocketFact{
            SocketFact::Family::local, listening, !listening && *state == connected, std::string(path), {}});
  });
}

void parse_netlink(std::string_view text, SocketTable& table) {
  each_row<10>(text, [&](const std::array<std::string_view, 10>& words, std::string_view) {
    const auto inode = number<std::uint64_t>(words[9], 10);
    if (inode && *inode != 0) table.by_inode.insert_or_assign(*inode, SocketFact{SocketFact::Family::kernel});
  });
}

std::optional<SocketFact> Sockets::find(std::int32_t pid, std::uint64_t inode) {
  struct Part {
    const char* file;
    void (*parse)(std::string_view, SocketTable&);
  };
  constexpr std::array parts{Part{"net/unix", parse_unix}, Part{"net/tcp", parse_tcp},
                             Part{"net/tcp6", parse_tcp},  Part{"net/udp", parse_udp},
                             Part{"net/udp6", parse_udp},  Part{"net/netlink", parse_netlink}};
  for (;;) {
    if (const auto known = table_.by_inode.find(inode); known != table_.by_inode.end()) return known->second;
    if (read_ == parts.size()) return std::nullopt;
    const auto& part = parts[read_++];
    const auto text = read_proc(proc_, pid, part.file, max_table_bytes);
    if (text.bytes) part.parse(*text.bytes, table_);
  }
}

std::optional<std::uint64_t> unix_peer(std::uint64_t inode) {
  struct Request {
    nlmsghdr header;
    unix_diag_req body;
  };
  Request request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.body.sdiag_family = AF_UNIX;
  request.body.udiag_states = ~0U;
  request.body.udiag_ino = static_cast<std::uint32_t>(inode);
  request.body.udiag_show = UDIAG_SHOW_PEER;
  request.body.udiag_cookie[0] = ~0U;  // any
  request.body.udiag_cookie[1] = ~0U;

  const Fd link(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!link || ::send(link.get(), &request, sizeof(request), 0) < 0) return std::nullopt;
  alignas(nlmsghdr) std::array<char, 8192> answer{};
  const auto size = ::recv(link.get(), answer.data(), answer.size(), MSG_DONTWAIT);  // answered within send
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(unix_diag_msg))) ||
      header->nlmsg_type != SOCK_DIAG_BY_FAMILY) {
    return std::nullopt;
  }
  constexpr std::size_t first = NLMSG_LENGTH(sizeof(unix_diag_msg));
  for (std::size_t at = first; at + sizeof(rtattr) <= static_cast<std::size_t>(size);) {
    rtattr attribute{};
    std::memcpy(&attribute, answer.data() + at, sizeof(attribute));
    std::uint32_t peer = 0;
    if (attribute.rta_len < sizeof(attribute)) break;
    if (attribute.rta_type == UNIX_DIAG_PEER && attribute.rta_len == RTA_LENGTH(sizeof(peer))) {
      std::memcpy(&peer, answer.data() + at + sizeof(attribute), sizeof(peer));
      return peer;
    }
    at += RTA_ALIGN(attribute.rta_len);
  }
  return std::nullopt;
}

}  // namespace grid
