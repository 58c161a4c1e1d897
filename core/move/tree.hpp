// A process tree of the head, paused, continued and ended as a whole. Every member is held by pidfd; none is
// ever signalled by its number. Members are the root, its descendants, what is left of a session that a
// member leads, and orphans in a process group that a member leads. A child that left both session and group
// and whose parent ended before it was seen is no member: nothing ties it to the tree.
//
// Threads: [any], one at a time. Calls block for milliseconds, at worst for their deadline: run them on the
// pool. Destroying a tree closes descriptors and signals nobody.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "core/move/process.hpp"

namespace grid {

struct TreeState {
  enum class Kind {
    all_stopped,   // the root is there and every living member is stopped
    some_running,  // the root is there and somebody runs: never paused, or continued by hand
    gone,          // the root has ended; `stopped` and `running` are the members it left behind
  };
  Kind kind = Kind::gone;
  std::vector<ProcessId> stopped;
  std::vector<ProcessId> running;
};

class ProcessTree {
 public:
  // Called for each member that was not known before, before it is stopped. An error ends the pause.
  using OnMember = std::function<Result<>(ProcessId)>;

  // process_not_found: no such process (start_ticks must match), or a zombie. not_restartable, the message
  // begins with a name: already_stopped, traced, frozen, contains_grid (the caller itself is in the tree).
  static Result<ProcessTree> adopt(ProcessId root);
  // After a restart, from members(), whose first is the root. Members that ended or whose start_ticks differ
  // are dropped; that the root is among them shows in state(). Descendants that are not listed come in with
  // resume() and kill().
  static Result<ProcessTree> reopen(const std::vector<ProcessId>& members);

  // Stops the parent first and looks for descendants until a look at all processes, taken after every member
  // was seen stopped with all threads, finds no new one. On any error whatever this call stopped is continued
  // again, and the error names the process: timed_out, process_not_found (the root ended), not_restartable,
  // policy_denied, or on_member's.
  Result<> pause(const OnMember& on_member, std::chrono::milliseconds deadline = std::chrono::seconds(2));
  // Continues all members and descendants, the parent last, until none is stopped. Answers those that were
  // stopped; doing it again answers an empty list. timed_out names one that stops again and again;
  // policy_denied one that may not be signalled: the others run all the same.
  Result<std::vector<ProcessId>> resume(std::chrono::milliseconds deadline = std::chrono::seconds(2));
  // SIGKILL to all members and descendants, and waits until they are gone. No handler runs: each is stopped
  // first and the children die before the parent. timed_out names one that is still there.
  Result<> kill(std::chrono::milliseconds deadline = std::chrono::seconds(5));

  [[nodiscard]] TreeState state() const;
  [[nodiscard]] ProcessId root() const { return root_; }
  // The root first, then each parent before its children: what to store and to give to reopen(). Those that
  // ended may still be listed.
  [[nodiscard]] std::vector<ProcessId> members() const;
  // Takes in a member that somebody else found. False: it ended.
  bool hold(ProcessId member);

 private:
  struct Member {
    HeldProcess process;
    std::int32_t parent;  // number at the time it was found: orders, and finds a waiting parent
    bool stopped_by_us;
  };

  explicit ProcessTree(ProcessId root) : root_(root) {}
  [[nodiscard]] bool holds(ProcessId id) const;
  // One look at all processes, repeated while it finds new members. True: there were new ones.
  Result<bool> grow(const OnMember& on_member);
  Result<> take(const ProcessFacts& facts, const OnMember& on_member);
  // True: every member was seen stopped, none had to be told.
  Result<bool> stop_members();
  Result<> check_root() const;
  void undo_pause();
  [[nodiscard]] Activity activity_of(std::int32_t pid) const;

  ProcessId root_;
  std::vector<Member> members_;
};

}  // namespace grid
