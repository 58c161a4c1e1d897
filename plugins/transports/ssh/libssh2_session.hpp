// One session of libssh2 over one socket, with deadlines, which libssh2 does not have. Only the files
// libssh2_* and authentication know libssh2.
#pragma once

#include <libssh2.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "destination.hpp"
#include "known_hosts.hpp"
#include "proxy.hpp"

namespace grid::ssh {

// [one thread] No call blocks by itself; wait_for() does.
class Session {
 public:
  // Connects (through the proxy, if there is one) and shakes hands, with key types preferred that are on
  // record. The host key is not judged yet. Errors: as Wire::connect().
  static Result<std::unique_ptr<Session>> connect(const Destination& to,
                                                  const std::vector<std::string>& known_types,
                                                  Clock::time_point deadline, const Stopping& stopping);
  // Says goodbye if that goes at once, and frees all channels.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] LIBSSH2_SESSION* raw() const { return session_; }
  [[nodiscard]] const Destination& destination() const { return to_; }
  [[nodiscard]] int socket() const { return socket_.get(); }
  [[nodiscard]] std::string host_key() const;

  // Repeats `call` with the same arguments while it says EAGAIN. Gives its result, or timed_out, cancelled.
  Result<int> wait_for(const std::function<int()>& call, Clock::time_point deadline,
                       const Stopping& stopping);
  // The last call stopped in the middle of a packet: nothing else may be sent before it is through.
  [[nodiscard]] bool half_sent() const;
  [[nodiscard]] std::string last_error() const;
  // The connection is gone: why, as well as can be told.
  [[nodiscard]] Error lost() const;

 private:
  explicit Session(Destination to) : to_(std::move(to)) {}
  Result<> open_socket(Clock::time_point deadline, const Stopping& stopping);
  Result<> shake_hands(const std::vector<std::string>& known_types, Clock::time_point deadline,
                       const Stopping& stopping);
  void prefer(int method, const std::vector<std::string>& first);
  [[nodiscard]] Error handshake_error(int code) const;

  Destination to_;
  Child proxy_;
  Complaints complaints_;
  Fd socket_;
  LIBSSH2_SESSION* session_ = nullptr;
};

// Whether this libssh2 can sign with RSA keys as servers of today demand.
bool modern_rsa(LIBSSH2_SESSION* session);

}  // namespace grid::ssh
