// A node's own thread and its connection: a stuck host holds up nobody else. The thread begins with the first
// request, and so does the connection; answers are posted to the loop.
#pragma once

#include <map>
#include <mutex>
#include <thread>

#include "conversation.hpp"
#include "grid/sdk/fd.hpp"
#include "grid/sdk/host.hpp"

namespace grid::ssh {

// [loop]
class NodeThread final : public Shell {
 public:
  NodeThread(Host& host, NodeSettings settings, WireFactory factory);
  NodeThread(const NodeThread&) = delete;
  NodeThread& operator=(const NodeThread&) = delete;
  ~NodeThread() override;

  void ask(Request request, Done<Answer> done) override;
  // A request that goes on, on a channel of its own, until it is hung up; `done` says why it ended otherwise.
  // resource_conflict: there is no channel to spare.
  std::uint64_t ask_open_ended(Request request, Done<Answer> done);
  void hang_up(std::uint64_t id);
  // Whatever made connecting fail may be mended: the next request tries at once.
  void forgive();
  // After return nothing is answered any more. Takes at most about a second.
  void stop() noexcept;
  [[nodiscard]] LoginFacts login() const;

 private:
  std::uint64_t hand_over(Job job);
  void wake() const noexcept;
  void run();
  void deliver(Job job, Result<Answer> result);

  Host& host_;
  NodeSettings settings_;
  WireFactory factory_;
  Stopping stopping_{false};
  Fd wake_;
  std::thread thread_;
  std::uint64_t last_id_ = 0;
  std::shared_ptr<std::map<std::uint64_t, Done<Answer>>> open_ =
      std::make_shared<std::map<std::uint64_t, Done<Answer>>>();  // [loop] not yet answered
  mutable std::mutex mutex_;
  std::vector<Job> inbox_;
  std::vector<std::uint64_t> hung_up_;
  bool forgiven_ = false;
  LoginFacts login_;
};

}  // namespace grid::ssh
