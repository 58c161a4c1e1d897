// The wire: one SSH connection to one host, and the channels in it. Two ways of having one (libssh2 in this
// process, or the system's ssh with ControlMaster) behind one face, under one test suite.
//
// Everything here belongs to one thread, the node's own. connect() and open() block, with a deadline; the
// rest never does: it is driven by poll() on poll_set().
#pragma once

#include <poll.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/result.hpp"

namespace grid::ssh {

using Clock = std::chrono::steady_clock;

// Set from any thread: a blocking call gives up within 100 ms, with Code::cancelled.
using Stopping = std::atomic<bool>;

// One command on the host, with its three streams. Destroying it closes it, without waiting.
class Channel {
 public:
  virtual ~Channel() = default;
  // As many bytes as go now; 0: none, poll again, and begin with the same bytes next time. To be tried before
  // poll(). Error: the channel or the connection is gone.
  virtual Result<std::size_t> write(std::string_view bytes) = 0;
  // Appends what has come to `out` and `err`; true when there was any. Both streams are drained, so that
  // neither blocks the other. Error: the channel or the connection is gone.
  virtual Result<bool> read(std::string& out, std::string& err) = 0;
  // The host has closed its end and everything has been read.
  [[nodiscard]] virtual bool ended() const = 0;
};

class Wire {
 public:
  virtual ~Wire() = default;
  // Connects, checks the host key, authenticates. Errors: node_unreachable (retryable: nobody there, refused,
  // silent; not retryable: authentication, what this client cannot do), host_key_mismatch. No byte of
  // authentication is sent to a host whose key is not known and good.
  virtual Result<> connect(Clock::time_point deadline, const Stopping& stopping) = 0;
  // A channel that runs `command`, a constant of this program. resource_conflict: the host allows no more
  // channels.
  virtual Result<std::unique_ptr<Channel>> open(std::string_view command, Clock::time_point deadline,
                                                const Stopping& stopping) = 0;
  // Appends what to poll for, all of it level-triggered; `writing`: some channel has bytes to write that
  // write() did not take. Whatever it was that woke poll(), read() all channels.
  virtual void poll_set(std::vector<pollfd>& set, bool writing) const = 0;
  // Error: the connection is gone, and why.
  [[nodiscard]] virtual Result<> alive() = 0;
  // What let us in, for people: "~/.ssh/id_ed25519 SHA256:…". Empty before connect().
  [[nodiscard]] virtual std::string login() const = 0;
};

}  // namespace grid::ssh
