#include "agent.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "child.hpp"
#include "identities.hpp"

namespace grid::ssh {
namespace {

constexpr char request_keys = 11;
constexpr char answer_keys = 12;
constexpr char request_signature = 13;
constexpr char answer_signature = 14;
constexpr std::size_t largest_answer = 256U << 10U;

tl::unexpected<Error> no_agent(const std::string& why) {
  return fail(Code::node_unreachable, "the SSH agent does not answer: " + why, "see: ssh-add -l");
}

std::size_t size_in(std::string_view bytes) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size = size << 8U | static_cast<unsigned char>(bytes[i]);
  return size;
}

}  // namespace

Result<Agent> Agent::connect(const std::string& path, Clock::time_point deadline, const Stopping& stopping) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return no_agent("no socket at '" + path + "'");
  std::copy(path.begin(), path.end(), address.sun_path);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return no_agent(std::strerror(errno));
  return Agent(std::move(socket), deadline, stopping);
}

Result<> Agent::wait(short events) const {
  while (true) {
    pollfd ready{socket_.get(), events, 0};
    if (::poll(&ready, 1, poll_ms(deadline_)) > 0) return {};
    if (stopping_->load()) return fail(Code::cancelled, "waiting for the SSH agent was given up on request");
    if (Clock::now() >= deadline_)
      return fail(Code::timed_out, "the SSH agent does not answer in time",
                  "it may be waiting for a person to confirm; see: ssh-add -l", true);
  }
}

Result<std::string> Agent::ask(std::string_view request) {
  const std::string message = as_field(request);
  for (std::size_t sent = 0; sent < message.size();) {
    if (auto ready = wait(POLLOUT); !ready) return fail(ready.error());
    const ssize_t n = ::send(socket_.get(), message.data() + sent, message.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return no_agent(std::strerror(errno));
    sent += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  }
  std::string answer;
  while (answer.size() < 4 || answer.size() < 4 + size_in(answer)) {
    if (answer.size() >= 4 && size_in(answer) > largest_answer) return no_agent("its answer is too long");
    if (auto ready = wait(POLLIN); !ready) return fail(ready.error());
    std::array<char, 16384> bytes;
    const ssize_t n = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (n == 0) return no_agent("it closed the connection");
    if (n < 0 && errno != EAGAIN && errno != EINTR) return no_agent(std::strerror(errno));
    answer.append(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
  return answer.substr(4, size_in(answer));
}

Result<std::vector<Agent::Key>> Agent::keys() {
  const auto answer = ask(std::string_view(&request_keys, 1));
  if (!answer) return fail(answer.error());
  if (answer->size() < 5 || answer->front() != answer_keys) return no_agent("it lists no keys");
  std::vector<Key> out;
  std::string_view rest = std::string_view(*answer).substr(5);
  std::string_view blob;
  std::string_view comment;
  while (take_field(rest, blob) && take_field(rest, comment))
    out.push_back({std::string(blob), std::string(comment)});
  return out;
}

Result<std::string> Agent::sign(std::string_view blob, std::string_view data) {
  std::string request(1, request_signature);
  request += as_field(blob);
  request += as_field(data);
  request.append(4, '\0');  // no flags
  const auto answer = ask(request);
  if (!answer) return fail(answer.error());
  std::string_view rest = *answer;
  std::string_view signature;
  std::string_view algorithm;
  std::string_view raw;
  if (rest.empty() || rest.front() != answer_signature) return no_agent("it refuses to sign");
  rest.remove_prefix(1);
  if (!take_field(rest, signature) || !take_field(signature, algorithm) || !take_field(signature, raw))
    return no_agent("its signature is broken");
  return std::string(raw);
}

}  // namespace grid::ssh
