// The connection to one node as its thread sees it: connects when there is something to ask, deals requests
// to channels, and knows when there is no use in trying. Blocks only in connecting and opening. [the node's
// thread]
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "far_end.hpp"
#include "talk.hpp"
#include "wire.hpp"

namespace grid::ssh {

using WireFactory = std::function<std::unique_ptr<Wire>()>;

struct NodeSettings {
  std::string node;          // its name, for people
  std::size_t channels = 8;  // at most
  std::chrono::milliseconds connect_timeout{10'000};
  std::string machine = "any";  // see make_opening()
  std::string script = server_script();
  std::chrono::milliseconds beat_after{10'000};  // of silence while something is asked
};

// What was seen of the login, for `grid doctor`.
struct LoginFacts {
  std::uint64_t noise_bytes = 0;
  std::string noise;
  std::chrono::milliseconds took{};  // from opening the first channel to the begin
  std::optional<Greeting> greeting;
};

class Conversation {
 public:
  using Deliver = std::function<void(Job, Result<Answer>)>;
  Conversation(NodeSettings settings, WireFactory factory, const Stopping& stopping, Deliver deliver);

  void take(Job job);
  // Of an open-ended one: its channel is closed, and nothing is delivered.
  void hang_up(std::uint64_t id);
  // The next request may connect at once, whatever failed before.
  void forgive() noexcept { next_try_ = {}; }
  // Does all that can be done now; true when anything moved, and there may be more at once.
  bool turn();
  void poll_set(std::vector<pollfd>& set) const;
  // When turn() has something to do at the latest.
  [[nodiscard]] Clock::time_point wake_at() const;
  // Of a connection made since the last call.
  [[nodiscard]] std::optional<LoginFacts> take_login() { return std::exchange(login_, std::nullopt); }

 private:
  void connect();
  void deal();
  [[nodiscard]] Talk* idle_talk();
  [[nodiscard]] Talk* open_talk();
  void no_more_channels(const Error& error);
  bool move(std::size_t index);
  void expire();
  void beat();
  bool greet(Talk& talk);
  void lose(Error error);
  void back_off(const Error& error);
  void fail_waiting(const Error& error);
  [[nodiscard]] Error named(Error error) const;
  [[nodiscard]] std::size_t open_ended() const;

  NodeSettings settings_;
  WireFactory factory_;
  const Stopping& stopping_;
  Deliver deliver_;
  std::unique_ptr<Wire> wire_;
  std::vector<std::unique_ptr<Talk>> talks_;  // of wire_
  std::deque<Job> waiting_;
  std::size_t limit_;        // channels that this connection may have
  bool usable_ = false;      // this connection has greeted
  Clock::time_point heard_;  // when anything came last
  Clock::time_point opened_;
  std::string machine_;
  int failures_ = 0;
  Clock::time_point next_try_{};
  Error last_error_;
  std::optional<LoginFacts> login_;
};

}  // namespace grid::ssh
