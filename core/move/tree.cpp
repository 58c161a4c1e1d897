#include "core/move/tree.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <unordered_map>
#include <unordered_set>

namespace grid {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::string name_of(ProcessId id) { return "process " + std::to_string(id.pid); }

std::string describe(Activity activity) {
  switch (activity) {
    case Activity::running:
      return "it still runs";
    case Activity::waiting:
      return "it is in uninterruptible sleep";
    case Activity::traced:
      return "a debugger holds it";
    case Activity::stopped:
      return "it is stopped again";
    case Activity::gone:
      break;
  }
  return "it is gone";
}

// Which processes belong to a set of living members. A session, and a process group, keep their leader's
// number as long as anybody is in them, so neither can name a stranger. A group may also hold what is no
// descendant, the other commands of a pipeline: of a group, only orphans belong. Their parent is not in the
// group, and is not the root's own parent.
class Kin {
 public:
  Kin(ProcessId root, const std::vector<ProcessFacts>& all) : root_(root) {
    for (const ProcessFacts& facts : all) group_of_.emplace(facts.id.pid, facts.group);
  }
  void add(const ProcessFacts& member) {
    pids_.insert(member.id.pid);
    if (member.id == root_) root_parent_ = member.parent;
  }
  [[nodiscard]] bool has(const ProcessFacts& facts) const {
    if (pids_.contains(facts.parent) || pids_.contains(facts.session)) return true;
    if (!pids_.contains(facts.group) || facts.parent == root_parent_) return false;
    const auto parent = group_of_.find(facts.parent);
    return parent == group_of_.end() || parent->second != facts.group;
  }

 private:
  ProcessId root_;
  std::int32_t root_parent_ = 0;
  std::unordered_map<std::int32_t, std::int32_t> group_of_;
  std::unordered_set<std::int32_t> pids_;
};

// Whether a SIGSTOP of ours would stop it, and a SIGCONT of ours be right afterwards.
Result<> check_free(const HeldProcess& process) {
  if (auto restraint = find_restraint(process.id().pid))
    return fail(Code::not_restartable, std::move(*restraint));
  if (process.look() != Activity::stopped) return {};
  return fail(Code::not_restartable,
              "already_stopped: " + name_of(process.id()) + " was stopped by somebody else",
              "continue it first (kill -CONT), or leave it");
}

}  // namespace

Result<ProcessTree> ProcessTree::adopt(ProcessId root) {
  ProcessTree tree(root);
  auto held = HeldProcess::open(root);
  if (!held) return fail(std::move(held.error()));
  const auto facts = read_process(root.pid);
  if (!facts) return fail(Code::process_not_found, name_of(root) + " has ended");
  if (auto taken = tree.take(*facts, nullptr); !taken) return fail(std::move(taken.error()));
  if (auto grown = tree.grow(nullptr); !grown) return fail(std::move(grown.error()));
  for (const Member& member : tree.members_)
    if (auto free = check_free(member.process); !free) return fail(std::move(free.error()));
  return tree;
}

Result<ProcessTree> ProcessTree::reopen(const std::vector<ProcessId>& members) {
  if (members.empty()) return fail(Code::usage, "a process tree has at least a root");
  ProcessTree tree(members.front());
  for (const ProcessId id : members) tree.hold(id);
  return tree;
}

bool ProcessTree::hold(ProcessId id) {
  if (holds(id)) return true;
  auto held = HeldProcess::open(id);
  const auto facts = read_process(id.pid);
  if (!held || !facts) return false;
  members_.push_back({std::move(*held), facts->parent, true});
  return true;
}

bool ProcessTree::holds(ProcessId id) const {
  return std::any_of(members_.begin(), members_.end(), [&](const Member& m) { return m.process.id() == id; });
}

std::vector<ProcessId> ProcessTree::members() const {
  std::vector<ProcessId> ids{root_};
  for (const Member& member : members_)
    if (member.process.id() != root_) ids.push_back(member.process.id());
  return ids;
}

Result<> ProcessTree::take(const ProcessFacts& facts, const OnMember& on_member) {
  if (facts.id.pid == ::getpid())
    return fail(Code::not_restartable, "contains_grid: grid itself runs in the tree of " + name_of(root_),
                "run grid from outside of that tree");
  auto held = HeldProcess::open(facts.id);
  if (!held) {
    if (held.error().code == Code::process_not_found && facts.id != root_) return {};  // ended meanwhile
    return fail(std::move(held.error()));
  }
  if (on_member)
    if (auto told = on_member(facts.id); !told) return told;
  members_.push_back({std::move(*held), facts.parent, false});
  return {};
}

Result<bool> ProcessTree::grow(const OnMember& on_member) {
  const std::vector<ProcessFacts> all = read_processes();
  std::unordered_set<std::int32_t> held;
  Kin kin(root_, all);
  std::vector<const ProcessFacts*> others;
  for (const Member& member : members_) held.insert(member.process.id().pid);
  for (const ProcessFacts& facts : all) {
    if (held.contains(facts.id.pid) && holds(facts.id))
      kin.add(facts);
    else
      others.push_back(&facts);
  }
  // Numbers wrap around, so a child may stand before its parent: until a round adds nothing.
  bool grew = false;
  for (bool again = true; again;) {
    again = false;
    for (const ProcessFacts*& facts : others) {
      if (facts == nullptr || !kin.has(*facts)) continue;
      if (auto taken = take(*facts, on_member); !taken) return fail(std::move(taken.error()));
      kin.add(*facts);
      facts = nullptr;
      grew = again = true;
    }
  }
  return grew;
}

Activity ProcessTree::activity_of(std::int32_t pid) const {
  for (const Member& member : members_)
    if (member.process.id().pid == pid) return member.process.look();
  return Activity::gone;
}

Result<bool> ProcessTree::stop_members() {
  bool all_stopped = true;
  for (Member& member : members_) {
    const Activity activity = member.process.look();
    if (activity == Activity::gone) continue;
    if (!member.stopped_by_us)
      if (auto free = check_free(member.process); !free) return fail(std::move(free.error()));
    // A parent in vfork cannot stop before its child has come to its exec: such a child has to run for now.
    const bool awaited = activity_of(member.parent) == Activity::waiting;
    if (activity == Activity::stopped && !awaited) continue;
    all_stopped = false;
    if (awaited && activity != Activity::stopped) continue;
    member.stopped_by_us = true;
    if (auto sent = member.process.signal(awaited ? SIGCONT : SIGSTOP);
        !sent && sent.error().code != Code::process_not_found)
      return fail(std::move(sent.error()));
  }
  return all_stopped;
}

Result<> ProcessTree::check_root() const {
  if (activity_of(root_.pid) != Activity::gone) return {};
  return fail(Code::process_not_found, name_of(root_) + " ended before its tree was paused");
}

Result<> ProcessTree::pause(const OnMember& on_member, milliseconds deadline) {
  const auto give_up = [&](Error error) {
    undo_pause();
    return fail(std::move(error));
  };
  const auto until = Clock::now() + deadline;
  for (;;) {
    // The order matters: a look that finds nothing new counts only after everybody was seen stopped.
    const auto stopped = stop_members();
    if (!stopped) return give_up(stopped.error());
    const auto grew = grow(on_member);
    if (!grew) return give_up(grew.error());
    if (auto there = check_root(); !there) return give_up(there.error());
    if (*stopped && !*grew) return {};
    if (Clock::now() >= until) {
      Error error{Code::timed_out, "the tree of " + name_of(root_) + " keeps growing", "try again", "", true};
      for (const Member& member : members_) {
        const Activity activity = member.process.look();
        if (activity == Activity::stopped || activity == Activity::gone) continue;
        error.message = name_of(member.process.id()) + " did not stop within " +
                        std::to_string(deadline.count()) +
                        " ms: " + find_restraint(member.process.id().pid).value_or(describe(activity));
        break;
      }
      return give_up(std::move(error));
    }
    if (!*stopped) std::this_thread::sleep_for(milliseconds(1));
  }
}

void ProcessTree::undo_pause() {
  for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
    if (!member->stopped_by_us) continue;
    (void)member->process.signal(SIGCONT);
    member->stopped_by_us = false;
  }
}

Result<std::vector<ProcessId>> ProcessTree::resume(milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  std::vector<ProcessId> continued;
  std::optional<Error> problem;
  for (;;) {
    // One that cannot be taken in is no reason to leave the others stopped.
    const auto grew = grow(nullptr);
    if (!grew && !problem) problem = grew.error();
    std::optional<ProcessId> still_stopped;
    for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
      if (member->process.look() != Activity::stopped) continue;
      const ProcessId id = member->process.id();
      if (auto sent = member->process.signal(SIGCONT); !sent) {
        if (sent.error().code != Code::process_not_found) problem = sent.error();
        continue;
      }
      member->stopped_by_us = false;
      if (std::find(continued.begin(), continued.end(), id) == continued.end()) continued.push_back(id);
      still_stopped = id;
    }
    if (problem) return fail(std::move(*problem));
    if (!still_stopped) return continued;
    if (Clock::now() >= until)
      return fail(Code::timed_out,
                  name_of(*still_stopped) + " was continued and " + describe(Activity::stopped));
    std::this_thread::sleep_for(milliseconds(1));
  }
}

Result<> ProcessTree::kill(milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  // Stopped first: nobody answers the death of a child, and nobody forks one that would lose its last tie to
  // the tree with its parent. Who cannot be stopped is killed all the same.
  for (const auto enough = Clock::now() + deadline / 2; Clock::now() < enough;) {
    bool still = true;
    for (const Member& member : members_) {
      if (member.process.look() != Activity::running) continue;
      still = false;
      (void)member.process.signal(SIGSTOP);
    }
    const auto grew = grow(nullptr);
    if (!grew) return fail(grew.error());
    if (still && !*grew) break;
    std::this_thread::sleep_for(milliseconds(1));
  }
  for (;;) {
    std::optional<Error> problem;
    std::optional<ProcessId> left;
    // The children first: the kernel would continue an orphaned stopped group.
    for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
      if (member->process.look() == Activity::gone) continue;
      left = member->process.id();
      if (auto sent = member->process.signal(SIGKILL); !sent && sent.error().code != Code::process_not_found)
        problem = sent.error();
    }
    if (problem) return fail(std::move(*problem));
    const auto grew = grow(nullptr);
    if (!grew) return fail(grew.error());
    if (!left && !*grew) return {};
    if (Clock::now() >= until)
      return fail(Code::timed_out, name_of(left.value_or(root_)) + " is still there after SIGKILL: " +
                                       describe(activity_of(left.value_or(root_).pid)));
    std::this_thread::sleep_for(milliseconds(1));
  }
}

TreeState ProcessTree::state() const {
  TreeState state;
  bool root_there = false;
  for (const Member& member : members_) {
    const Activity activity = member.process.look();
    if (activity == Activity::gone) continue;
    root_there |= member.process.id() == root_;
    const bool still = activity == Activity::stopped || activity == Activity::traced;
    (still ? state.stopped : state.running).push_back(member.process.id());
  }
  if (root_there)
    state.kind = state.running.empty() ? TreeState::Kind::all_stopped : TreeState::Kind::some_running;
  return state;
}

}  // namespace grid
