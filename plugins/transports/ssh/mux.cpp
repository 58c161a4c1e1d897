#include "mux.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "child.hpp"
#include "identities.hpp"

namespace grid::ssh {
namespace {

constexpr std::uint32_t hello = 0x00000001;
constexpr std::uint32_t version = 4;
constexpr std::uint32_t new_session = 0x10000002;
constexpr std::uint32_t permission_denied = 0x80000002;
constexpr std::uint32_t failure = 0x80000003;
constexpr std::uint32_t session_opened = 0x80000006;
constexpr std::size_t largest_message = 256U << 10U;

std::string number(std::uint32_t value) {
  std::string out;
  for (unsigned int shift = 32; shift > 0; shift -= 8)
    out += static_cast<char>(static_cast<unsigned char>(value >> (shift - 8)));
  return out;
}

std::uint32_t take_number(std::string_view& bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8U | static_cast<unsigned char>(bytes[i]);
  bytes.remove_prefix(4);
  return value;
}

Fd connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Fd();
  std::copy(path.begin(), path.end(), address.sun_path);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    socket.reset();
  return socket;
}

class Dialogue {
 public:
  Dialogue(int socket, std::string& unread, Clock::time_point deadline, const Stopping& stopping)
      : socket_(socket), unread_(unread), deadline_(deadline), stopping_(stopping) {}

  Result<> send(std::string_view message) {
    std::string bytes = as_field(message);
    for (std::size_t sent = 0; sent < bytes.size();) {
      if (auto ready = wait(POLLOUT); !ready) return fail(ready.error());
      const ssize_t n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN && errno != EINTR) return gone();
      sent += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    }
    return {};
  }

  // One byte with the descriptor beside it.
  Result<> send_stream(int stream) {
    if (auto ready = wait(POLLOUT); !ready) return fail(ready.error());
    char nothing = 0;
    iovec part{&nothing, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &stream, sizeof stream);
    if (::sendmsg(socket_, &message, MSG_NOSIGNAL) != 1) return gone();
    return {};
  }

  Result<std::string> receive() {
    while (true) {
      if (unread_.size() >= 4) {
        std::string_view rest = unread_;
        const std::size_t size = take_number(rest);
        if (size > largest_message || size < 4) return gone();
        if (rest.size() >= size) {
          std::string message(rest.substr(0, size));
          unread_.erase(0, 4 + size);
          return message;
        }
      }
      if (auto ready = wait(POLLIN); !ready) return fail(ready.error());
      std::array<char, 4096> bytes;
      const ssize_t n = ::recv(socket_, bytes.data(), bytes.size(), 0);
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return gone();
      unread_.append(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    }
  }

 private:
  static tl::unexpected<Error> gone() {
    return fail(Code::node_unreachable, "ssh's master closed its control socket", {}, true);
  }
  Result<> wait(short events) const {
    while (true) {
      pollfd ready{socket_, events, 0};
      if (::poll(&ready, 1, poll_ms(deadline_)) > 0) return {};
      if (stopping_.load()) return fail(Code::cancelled, "given up on request");
      if (Clock::now() >= deadline_)
        return fail(Code::timed_out, "ssh's master does not answer in time", {}, true);
    }
  }

  int socket_;
  std::string& unread_;
  Clock::time_point deadline_;
  const Stopping& stopping_;
};

}  // namespace

bool mux_listening(const std::string& path) { return static_cast<bool>(connect(path)); }

Result<MuxSession> mux_open(const std::string& path, std::string_view command, const int (&streams)[3],
                            Clock::time_point deadline, const Stopping& stopping) {
  MuxSession session;
  session.control = connect(path);
  if (!session.control)
    return fail(Code::node_unreachable, "ssh's master does not listen any more", {}, true);
  Dialogue dialogue(session.control.get(), session.unread, deadline, stopping);
  if (auto sent = dialogue.send(number(hello) + number(version)); !sent) return fail(sent.error());
  auto greeting = dialogue.receive();
  if (!greeting) return fail(greeting.error());
  std::string_view greeted = *greeting;
  if (greeted.size() < 8 || take_number(greeted) != hello || take_number(greeted) != version)
    return fail(Code::node_unreachable, "ssh's master speaks another protocol than version 4",
                "use `client: libssh2` for this node");

  // No terminal, no X11, no agent, no subsystem, no escape character, no TERM, no environment.
  const std::string request = number(new_session) + number(0) + as_field("") + number(0) + number(0) +
                              number(0) + number(0) + number(0xffffffff) + as_field("") + as_field(command);
  if (auto sent = dialogue.send(request); !sent) return fail(sent.error());
  for (const int stream : streams) {
    if (auto sent = dialogue.send_stream(stream); !sent) return fail(sent.error());
  }
  const auto answer = dialogue.receive();
  if (!answer) return fail(answer.error());
  std::string_view rest = *answer;
  const std::uint32_t kind = take_number(rest);
  if (kind == session_opened) return session;
  if (kind == failure || kind == permission_denied) {
    std::string_view why;
    if (rest.size() >= 4) (void)take_number(rest);
    (void)take_field(rest, why);
    return fail(Code::resource_conflict, std::string(why), {}, true);
  }
  return fail(Code::node_unreachable, "ssh's master gave an answer of an unknown kind");
}

bool mux_over(MuxSession& session) {
  while (session.control) {
    std::array<char, 4096> bytes;
    const ssize_t n = ::recv(session.control.get(), bytes.data(), bytes.size(), 0);
    if (n > 0) continue;  // the exit status: what counts is that streams and session end
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    session.control.reset();
  }
  return true;
}

}  // namespace grid::ssh
