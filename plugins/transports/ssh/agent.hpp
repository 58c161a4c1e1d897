// A client of ssh-agent, because libssh2's own waits forever for an agent that does not answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "destination.hpp"
#include "grid/sdk/fd.hpp"

namespace grid::ssh {

// [one thread] Blocks, each call up to the deadline given to connect(). Errors: node_unreachable (no agent,
// or it refuses), timed_out, cancelled.
class Agent {
 public:
  struct Key {
    std::string blob;
    std::string comment;
  };
  static Result<Agent> connect(const std::string& path, Clock::time_point deadline, const Stopping& stopping);
  Result<std::vector<Key>> keys();
  // The signature without the name of its algorithm.
  Result<std::string> sign(std::string_view blob, std::string_view data);

 private:
  Agent(Fd socket, Clock::time_point deadline, const Stopping& stopping)
      : socket_(std::move(socket)), deadline_(deadline), stopping_(&stopping) {}
  Result<std::string> ask(std::string_view request);
  Result<> wait(short events) const;

  Fd socket_;
  Clock::time_point deadline_;
  const Stopping* stopping_;
};

}  // namespace grid::ssh
