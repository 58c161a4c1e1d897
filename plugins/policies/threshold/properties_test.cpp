// What holds for every snapshot and every series of them.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "targets.hpp"
#include "testing.hpp"

namespace grid::threshold::testing {
namespace {

double hundredth(int most = 100) { return *rc::gen::inRange(0, most + 1) / 100.0; }

std::uint64_t memory() { return static_cast<std::uint64_t>(*rc::gen::inRange(0, 65)) * (GiB / 8); }

template <class T>
std::optional<T> maybe(T value) {
  return *rc::gen::inRange(0, 8) == 0 ? std::nullopt : std::optional<T>(value);
}

Node any_node(int number) {
  Node node = make_node(number == 0 ? "desk" : "w" + std::to_string(number),
                        number == 0 ? Role::head : Role::worker, 0);
  node.state =
      *rc::gen::inRange(0, 3) == 0 ? static_cast<NodeState>(*rc::gen::inRange(0, 5)) : NodeState::alive;
  node.accepts_work = *rc::gen::inRange(0, 6) != 0;
  node.sample.cpus = maybe(static_cast<std::uint32_t>(*rc::gen::inRange(0, 9)));
  node.sample.cpu_fraction = maybe(hundredth());
  node.sample.memory_available_bytes = maybe(memory());
  node.sample.pressure.cpu_some = maybe(hundredth());
  node.own_cpu_fraction = maybe(hundredth(50));
  node.reserved.cpus = *rc::gen::inRange(0, 3);
  if (*rc::gen::inRange(0, 4) == 0) node.sample.gpus = {{"0", "gpu", maybe(hundredth()), {}, {}}};
  return node;
}

Candidate any_candidate(int pid) {
  Candidate candidate = make_candidate(pid, 0);
  candidate.cpu_fraction = maybe(hundredth(200));
  candidate.rss_bytes = maybe(memory());
  candidate.cpu_seconds = maybe(hundredth() * 100);
  candidate.restartable = static_cast<Restartable>(*rc::gen::inRange(0, 3));
  candidate.paused = *rc::gen::inRange(0, 8) == 0;
  if (*rc::gen::inRange(0, 8) == 0) candidate.execution = "5";
  candidate.allowed = *rc::gen::arbitrary<bool>();
  return candidate;
}

Snapshot any_snapshot() {
  Snapshot snapshot;
  snapshot.now.monotonic = std::chrono::seconds(*rc::gen::inRange(0, 100000));
  snapshot.head = "desk";
  const int nodes = *rc::gen::inRange(1, 5);
  for (int i = 0; i < nodes; ++i) snapshot.nodes.push_back(any_node(i));
  if (*rc::gen::inRange(0, 10) == 0) snapshot.nodes.erase(snapshot.nodes.begin());  // degraded: no head
  const int candidates = *rc::gen::inRange(0, 7);
  for (int i = 0; i < candidates; ++i) snapshot.candidates.push_back(any_candidate(10 + i));
  return snapshot;
}

std::string print(const Decision& decision) {
  std::string out = decision.allowed ? "yes" : "no";
  for (const Reason& reason : decision.reasons) out += "\n" + reason.code + ": " + reason.text;
  for (const CandidateDecision& candidate : decision.candidates) {
    out += "\n" + std::to_string(candidate.root.pid) + (candidate.move ? " move" : "");
    for (const Placement& placement : candidate.placements)
      out += " " + placement.node + "=" + std::to_string(placement.score);
    for (const Reason& reason : candidate.reasons) out += " " + reason.code;
  }
  return out;
}

TEST(Properties, TheSameInputGivesTheSameAnswer) {
  EXPECT_TRUE(rc::check([] {
    const Snapshot snapshot = any_snapshot();
    const auto one = make_policy();
    const auto other = make_policy();
    const auto first = decide(*one, snapshot);
    (void)decide(*one, any_snapshot(), first.memory);  // a policy keeps nothing between calls
    const auto again = decide(*one, snapshot);
    const auto elsewhere = decide(*other, snapshot);
    RC_ASSERT(print(first.decision) == print(again.decision));
    RC_ASSERT(print(first.decision) == print(elsewhere.decision));
    RC_ASSERT(first.memory == again.memory);
  }));
}

TEST(Properties, OnlyWorkersThatCanTakeItAreNamed) {
  EXPECT_TRUE(rc::check([] {
    const Snapshot snapshot = any_snapshot();
    const Decision decision = decide(*make_policy(), snapshot).decision;
    RC_ASSERT(!decision.reasons.empty());
    RC_ASSERT(decision.candidates.size() == snapshot.candidates.size());
    std::set<std::string> refused;
    for (const RefusedNode& node : decision.refused_nodes) {
      RC_ASSERT(!node.reason.empty());
      refused.insert(node.node);
    }
    RC_ASSERT(refused.count(snapshot.head) == 1U);
    std::map<std::string, Use> taken;
    for (std::size_t i = 0; i < decision.candidates.size(); ++i) {
      const CandidateDecision& judged = decision.candidates[i];
      RC_ASSERT(!judged.reasons.empty());
      RC_ASSERT(!judged.move || !judged.placements.empty());
      RC_ASSERT(!judged.move || decision.allowed);
      const Use use = use_of(snapshot.candidates[i]);
      for (const Placement& placement : judged.placements) {
        const auto node = std::find_if(snapshot.nodes.begin(), snapshot.nodes.end(),
                                       [&](const Node& other) { return other.name == placement.node; });
        RC_ASSERT(node != snapshot.nodes.end());
        RC_ASSERT(node->role == Role::worker && node->name != snapshot.head);
        RC_ASSERT(node->state == NodeState::alive && node->accepts_work);
        RC_ASSERT(placement.score >= 0 && placement.score <= 1);
        RC_ASSERT(refused.count(placement.node) == 0U);
      }
      if (!judged.move) continue;
      RC_ASSERT(snapshot.candidates[i].restartable != Restartable::no && !snapshot.candidates[i].paused);
      taken[judged.placements.front().node].cpus += use.cpus;
      taken[judged.placements.front().node].memory_bytes += use.memory_bytes;
    }
    for (const auto& [name, use] : taken) {
      const auto node = std::find_if(snapshot.nodes.begin(), snapshot.nodes.end(),
                                     [&, wanted = name](const Node& other) { return other.name == wanted; });
      const double foreign = std::max(0.0, *node->sample.cpu_fraction - node->own_cpu_fraction.value_or(0));
      RC_ASSERT(use.cpus <= *node->sample.cpus * (1 - foreign) - node->reserved.cpus + 1e-9);
      RC_ASSERT(use.memory_bytes <= static_cast<double>(*node->sample.memory_available_bytes));
    }
  }));
}

TEST(Properties, MoreRoomNeverMakesAWorkerWorse) {
  EXPECT_TRUE(rc::check([] {
    Snapshot snapshot = any_snapshot();
    RC_PRE(!snapshot.candidates.empty());
    snapshot.nodes.push_back(make_node("probe", Role::worker, hundredth(), 4));
    Node& probe = snapshot.nodes.back();
    probe.sample.memory_available_bytes = memory();
    const auto score = [&]() -> double {
      const auto settings = read_settings(Options(default_values(option_specs())));
      const auto placements =
          rank(find_targets(snapshot, *settings).eligible, use_of(snapshot.candidates[0]));
      for (const Placement& placement : placements)
        if (placement.node == "probe") return placement.score;
      return -1;
    };
    const double before = score();
    probe.sample.cpu_fraction = *probe.sample.cpu_fraction * hundredth();
    probe.sample.memory_available_bytes = *probe.sample.memory_available_bytes + memory();
    RC_ASSERT(score() >= before);
  }));
}

TEST(Properties, LoadAroundAMarkNeverFlaps) {
  EXPECT_TRUE(rc::check([] {
    const auto policy = make_policy();
    const double mark = *rc::gen::element(0.85, 0.60);
    Snapshot snapshot = make_snapshot(0);
    snapshot.candidates = {make_candidate(10, 0.9)};
    std::string memory;
    int changes = 0;
    bool allowed = false;
    for (int turn = 0; turn < 200; ++turn) {
      snapshot.now.monotonic += std::chrono::seconds(5);
      snapshot.nodes[0].sample.cpu_fraction = mark + (*rc::gen::inRange(-5, 6)) / 100.0;
      const auto answer = decide(*policy, snapshot, memory);
      memory = answer.memory;
      if (turn > 0 && answer.decision.allowed != allowed) ++changes;
      allowed = answer.decision.allowed;
    }
    RC_ASSERT(changes <= 2);  // the first turn, which nobody observed, and one latch at most
  }));
}

TEST(Properties, MemoryMovesOneUntilSomethingIsFree) {
  EXPECT_TRUE(rc::check([] {
    const auto policy = make_policy();
    Snapshot snapshot = make_snapshot(0.1);
    snapshot.nodes.push_back(make_node("w2", Role::worker, 0));
    snapshot.nodes[0].sample.memory_available_bytes = GiB / 4;
    for (int i = 0; i < 5; ++i)
      snapshot.candidates.push_back(make_candidate(10 + i, 0.1, GiB / 2 + memory() / 8));
    std::set<int> chosen;
    std::string memory_text;
    for (int turn = 0; turn < 60; ++turn) {
      const auto answer = decide(*policy, snapshot, memory_text);
      memory_text = answer.memory;
      for (const CandidateDecision& judged : answer.decision.candidates)
        if (judged.move) chosen.insert(judged.root.pid);
      RC_ASSERT(chosen.size() <= 1U);
      snapshot.now.monotonic += std::chrono::seconds(5);
      if (chosen.size() == 1 &&
          *rc::gen::arbitrary<bool>())  // now and then an execution takes it, and lets go again
        for (Candidate& candidate : snapshot.candidates)
          if (candidate.root.pid == *chosen.begin())
            candidate.execution = candidate.execution.empty() ? "7" : "";
    }
    RC_ASSERT(chosen.size() == 1U);
    const int first = *chosen.begin();
    const auto gone = std::find_if(snapshot.candidates.begin(), snapshot.candidates.end(),
                                   [&](const Candidate& candidate) { return candidate.root.pid == first; });
    snapshot.nodes[0].sample.memory_available_bytes =
        GiB / 4 + *gone->rss_bytes * 3 / 4;  // something, not enough
    snapshot.candidates.erase(gone);
    const auto answer = decide(*policy, snapshot, memory_text);
    RC_ASSERT(answer.decision.allowed);
  }));
}

TEST(Properties, GarbledMemoryNeverHurts) {
  EXPECT_TRUE(rc::check([] {
    const Snapshot snapshot = any_snapshot();
    const auto policy = make_policy();
    std::string memory = *rc::gen::arbitrary<std::string>();
    if (*rc::gen::arbitrary<bool>()) {
      memory = decide(*policy, snapshot).memory;
      memory[static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(memory.size())))] =
          *rc::gen::arbitrary<char>();
    }
    RC_ASSERT(!decide(*policy, snapshot, memory).decision.reasons.empty());
  }));
}

}  // namespace
}  // namespace grid::threshold::testing
