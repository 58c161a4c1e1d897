// Signals as a descriptor to poll, for commands that wait: SIGINT, SIGTERM and SIGHUP wait in it instead of
// ending us, and those in `more`. One at a time; the mask is put back at the end.
#pragma once

#include <csignal>
#include <initializer_list>
#include <string>

#include "grid/sdk/fd.hpp"

namespace grid::cli {

class Signals {
 public:
  explicit Signals(std::initializer_list<int> more = {});
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  // The next one that came, 0: none. Does not wait.
  [[nodiscard]] int take() const;
  // Waits for `other` (-1: nothing) to be readable, a signal, or the time to pass; answers true for `other`.
  bool wait(int other, int timeout_ms) const;

 private:
  sigset_t before_{};
  Fd fd_;
};

// "SIGKILL"; "signal 77" for one without a name.
[[nodiscard]] std::string signal_name(int signal);

}  // namespace grid::cli
