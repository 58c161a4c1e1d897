// Follows all runs of a node. One request that stays open tells when journals grow; then, and every few
// seconds, and after each break of the link, the journals are read on from where they were. A broken link is
// no event.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "followed.hpp"
#include "node_thread.hpp"
#include "verbs.hpp"

namespace grid::ssh {

// [loop]
class Follower {
 public:
  // All outlive it. `root` as the node's configuration has it.
  Follower(Host& host, NodeThread& thread, const Verbs& verbs, RunSink& sink, std::string root);
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower();

  // A run of `head_id` is about to start: listening begins meanwhile.
  void expect(const std::string& head_id);
  // From its begin, of which `journal` is what was read already. Anew when it is followed already.
  void follow(const Run& run, std::string_view journal);
  [[nodiscard]] const Followed* find(const Run& run) const;

 private:
  using Key = std::pair<std::string, std::string>;  // head id, name
  struct Entry {
    Followed followed;
    std::uint64_t id = 0;  // differs for each follow()
    bool losing = false;
  };

  void rang(const std::string& names);
  void fetch_soon();
  void fetch();
  void take_states(const std::string& head_id, std::string_view output, std::string_view boundary,
                   const std::map<std::string, std::uint64_t>& asked);
  // False when the link ended in it.
  bool take_journal(const Key& key, std::string_view bytes);
  void settle(const Key& key, std::string_view state);
  void end(const Key& key, std::uint64_t id, const std::string& why);
  void lose(const Key& key, const std::string& why);
  void fetched(bool good);
  void listen();
  void rest();

  Host& host_;
  NodeThread& thread_;
  const Verbs& verbs_;
  RunSink& sink_;
  std::string root_;
  std::shared_ptr<Follower*> self_;
  std::map<Key, Entry> runs_;
  std::set<Key> rung_;  // their journals have grown
  bool all_ = false;    // look at all of them
  std::uint64_t last_ = 0;
  int fetching_ = 0;  // answers that are to come
  int wakes_ = 0;     // fetches in the present window
  std::chrono::milliseconds window_{};
  std::chrono::milliseconds retry_;
  std::string listens_to_;  // head id
  std::uint64_t listening_ = 0;
  bool hears_ = false;  // it has begun
  bool no_channel_ = false;
  std::unique_ptr<Host::Handle> soon_, poll_, idle_;
  std::map<Key, std::unique_ptr<Host::Handle>> again_;  // to end leftovers
};

}  // namespace grid::ssh
