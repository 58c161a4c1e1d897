#include "tcp.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "child.hpp"
#include "failures.hpp"

namespace grid::ssh {
namespace {

constexpr int unanswered_ms = 8'000;

struct Addresses {
  addrinfo* first = nullptr;
  int error = 0;
  Addresses(const std::string& host, const std::string& port, int flags) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = flags;
    error = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &first);
  }
  ~Addresses() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
  Addresses(const Addresses&) = delete;
  Addresses& operator=(const Addresses&) = delete;
};

// getaddrinfo() knows no deadline: a thread of its own asks, and is left behind when it takes too long.
class Question {
 public:
  static std::shared_ptr<Question> ask(const std::string& host, const std::string& port) {
    auto question = std::make_shared<Question>();
    std::thread([question, host, port] {
      auto addresses = std::make_unique<Addresses>(host, port, AI_ADDRCONFIG);
      const std::lock_guard lock(question->mutex_);
      question->answer_ = std::move(addresses);
      question->answered_.notify_all();
    }).detach();
    return question;
  }
  std::unique_ptr<Addresses> wait(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    answered_.wait_until(lock, until, [this] { return answer_ != nullptr; });
    return std::move(answer_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable answered_;
  std::unique_ptr<Addresses> answer_;
};

Result<std::unique_ptr<Addresses>> addresses_of(const Destination& to, Clock::time_point deadline,
                                                const Stopping& stopping) {
  const std::string port = std::to_string(to.port);
  auto plain = std::make_unique<Addresses>(to.host_name, port, AI_NUMERICHOST);
  if (plain->error == 0) return plain;
  const auto question = Question::ask(to.host_name, port);
  while (true) {
    auto answer = question->wait(Clock::now() + std::chrono::milliseconds(poll_ms(deadline)));
    if (stopping.load()) return fail(given_up(to));
    if (answer && answer->error == 0) return answer;
    if (answer) return fail(no_such_name(to, ::gai_strerror(answer->error)));
    if (Clock::now() >= deadline) return fail(no_such_name(to, "no answer in time"));
  }
}

template <class Value>
void set_option(int socket, int level, int name, Value value) {
  ::setsockopt(socket, level, name, &value, sizeof value);
}

// 0, an errno, or -1 when given up.
int try_address(const addrinfo& address, Fd& socket, Clock::time_point deadline, const Stopping& stopping) {
  socket = Fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol));
  if (!socket) return errno;
  set_option(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, unanswered_ms);
  set_option(socket.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket.get(), IPPROTO_TCP, TCP_KEEPIDLE, 5);
  set_option(socket.get(), IPPROTO_TCP, TCP_KEEPINTVL, 2);
  set_option(socket.get(), IPPROTO_TCP, TCP_KEEPCNT, 3);
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  while (true) {
    pollfd ready{socket.get(), POLLOUT, 0};
    if (::poll(&ready, 1, poll_ms(deadline)) > 0) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      return error;
    }
    if (stopping.load()) return -1;
    if (Clock::now() >= deadline) return ETIMEDOUT;
  }
}

Error words_for(int error, const Destination& to) {
  switch (error) {
    case ECONNREFUSED:
      return refused(to);
    case ETIMEDOUT:
      return silent(to);
    case ECONNRESET:
      return closed_early(to, "");
    default:
      return no_route(to, std::strerror(error));
  }
}

}  // namespace

Result<Fd> connect_tcp(const Destination& to, Clock::time_point deadline, const Stopping& stopping) {
  if (to.connect_timeout) deadline = std::min(deadline, Clock::now() + *to.connect_timeout);
  const auto addresses = addresses_of(to, deadline, stopping);
  if (!addresses) return fail(addresses.error());
  int left = 0;
  for (const addrinfo* each = (*addresses)->first; each != nullptr; each = each->ai_next) ++left;
  std::optional<int> worst;
  for (const addrinfo* each = (*addresses)->first; each != nullptr; each = each->ai_next, --left) {
    const auto now = Clock::now();
    Fd socket;
    const int error = try_address(*each, socket, now + (std::max(deadline, now) - now) / left, stopping);
    if (error == 0) return socket;
    if (error < 0) return fail(given_up(to));
    // Of several addresses the one that is there and refuses says the most.
    if (!worst || error == ECONNREFUSED) worst = error;
  }
  return fail(words_for(worst.value_or(EHOSTUNREACH), to));
}

}  // namespace grid::ssh
