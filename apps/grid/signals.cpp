#include "apps/grid/signals.hpp"

#include <poll.h>
#include <sys/signalfd.h>

#include <array>
#include <cstring>

namespace grid::cli {

Signals::Signals(std::initializer_list<int> more) {
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&wanted, signal);
  for (const int signal : more) ::sigaddset(&wanted, signal);
  ::sigprocmask(SIG_BLOCK, &wanted, &before_);
  fd_ = Fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

Signals::~Signals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

int Signals::take() const {
  signalfd_siginfo info{};
  return ::read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

bool Signals::wait(int other, int timeout_ms) const {
  std::array<pollfd, 2> entries{{{fd_.get(), POLLIN, 0}, {other, POLLIN, 0}}};
  return ::poll(entries.data(), entries.size(), timeout_ms) > 0 && entries[1].revents != 0;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

}  // namespace grid::cli
