// ProxyJump and ProxyCommand for the clients in this process: a child whose stdin and stdout are one end of a
// socket pair.
#pragma once

#include <string>

#include "child.hpp"
#include "destination.hpp"
#include "grid/sdk/fd.hpp"

namespace grid::ssh {

// A file in memory that a child writes its complaints to: bounded, never blocks it.
class Complaints {
 public:
  Complaints();
  [[nodiscard]] int get() const { return file_.get(); }
  [[nodiscard]] std::string text() const;  // the last 64 KiB
  // The last line that says something, without control characters.
  [[nodiscard]] std::string last_line() const;
  // Drops what is there when it has grown large.
  void trim() const;

 private:
  Fd file_;
};

struct Proxy {
  Fd socket;
  Child child;
  Complaints complaints;
};

// [one thread] Starts it; whether it gets through shows when the first bytes come, or the end. Errors:
// config_invalid, program_not_found, internal.
Result<Proxy> start_proxy(const Destination& to);

}  // namespace grid::ssh
