// Many channels over one libssh2 session that does not block.
//
// Two traps shape it. A call that stopped in the middle of a packet must be repeated before anything else is
// sent (`unfinished_`). And any call may read packets of any channel off the socket, after which poll() would
// sleep on bytes that are already here: so everything is moved into the inboxes before anybody polls
// (settle()), and poll() is told when an inbox has news.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libssh2_session.hpp"

namespace grid::ssh {

// [one thread]
class Multiplex {
 public:
  struct Line {
    LIBSSH2_CHANNEL* raw = nullptr;
    std::string out;
    std::string err;
    bool ended = false;
    bool news = false;      // something the owner has not seen yet
    bool starved = false;   // the host's window was full at the last write
    std::size_t sent = 0;   // of bytes that write() did not acknowledge yet
    std::string half_sent;  // their copy while they are under way
  };

  explicit Multiplex(std::unique_ptr<Session> session);
  Result<std::shared_ptr<Line>> open(std::string_view command, Clock::time_point deadline,
                                     const Stopping& stopping);
  Result<std::size_t> write(const std::shared_ptr<Line>& line, std::string_view bytes);
  void close(const std::shared_ptr<Line>& line);
  // Moves on whatever moves without waiting.
  void settle();
  void poll_set(std::vector<pollfd>& set, bool writing);
  // The connection is gone, and why.
  [[nodiscard]] const std::optional<Error>& broken() const { return broken_; }
  void shut(Error why);

 private:
  Result<> finish(Clock::time_point deadline, const Stopping& stopping);
  bool finished();
  bool stopped_within(int code, std::function<int()> again);
  void pull(const std::shared_ptr<Line>& line, int stream);
  void took(Line& line, int stream, ssize_t size);
  void drain();
  void free_closed();
  void look_for_hangup();
  [[nodiscard]] static bool full(const Line& line);

  std::unique_ptr<Session> session_;
  std::list<std::shared_ptr<Line>> lines_;
  std::list<LIBSSH2_CHANNEL*> closed_;  // until the host has closed them too
  std::function<int()> unfinished_;
  std::optional<Error> broken_;
  std::string bytes_;  // one read's
  Fd ready_;           // always readable
};

}  // namespace grid::ssh
