// The rules of the policy, one example each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing.hpp"

namespace grid::threshold::testing {
namespace {

Snapshot busy(double cpu_fraction = 0.98) {
  Snapshot snapshot = make_snapshot(cpu_fraction);
  snapshot.candidates = {make_candidate(10, 0.95), make_candidate(11, 0.9)};
  return snapshot;
}

void advance(Snapshot& snapshot, int seconds) { snapshot.now.monotonic += std::chrono::seconds(seconds); }

TEST(Threshold, ALoneScanAsksForNoDwellAndSaysSo) {
  const auto policy = make_policy();
  const Decision decision = decide(*policy, busy()).decision;
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(std::get<std::string>(decision.thresholds.at("sustain")), "not_observed");
  EXPECT_EQ(text_of(decision.reasons, "cpu_high"),
            "head at 0.98 of 2 CPUs, high mark 0.85, for how long was not observed");
  EXPECT_DOUBLE_EQ(std::get<double>(decision.thresholds.at("head_cpu_fraction")), 0.98);
  EXPECT_EQ(decision.policy, "threshold");
}

TEST(Threshold, ATriggerMustHoldForSustainAndThenUntilBelowLow) {
  const auto policy = make_policy();
  Snapshot snapshot = busy();
  auto answer = decide(*policy, snapshot);
  advance(snapshot, 5);
  answer = decide(*policy, snapshot, answer.memory);
  EXPECT_FALSE(answer.decision.allowed);
  EXPECT_TRUE(has(answer.decision.reasons, "cpu_not_sustained"));
  advance(snapshot, 18);
  answer = decide(*policy, snapshot, answer.memory);
  EXPECT_TRUE(answer.decision.allowed);
  EXPECT_EQ(text_of(answer.decision.reasons, "cpu_high"),
            "head at 0.98 of 2 CPUs, high mark 0.85, held for 23 s");
  EXPECT_DOUBLE_EQ(std::get<double>(answer.decision.thresholds.at("sustain")), 23);
  snapshot.nodes[0].sample.cpu_fraction = 0.7;  // between the marks: latched
  advance(snapshot, 5);
  answer = decide(*policy, snapshot, answer.memory);
  EXPECT_TRUE(answer.decision.allowed);
  snapshot.nodes[0].sample.cpu_fraction = 0.59;
  advance(snapshot, 5);
  answer = decide(*policy, snapshot, answer.memory);
  EXPECT_FALSE(answer.decision.allowed);
  snapshot.nodes[0].sample.cpu_fraction = 0.7;  // between the marks again: the latch is gone
  advance(snapshot, 5);
  EXPECT_TRUE(has(decide(*policy, snapshot, answer.memory).decision.reasons, "cpu_ok"));
}

TEST(Threshold, AnOldMemorySaysNothingAboutTheTimeSince) {
  const auto policy = make_policy();
  Snapshot snapshot = busy();
  const auto answer = decide(*policy, snapshot);
  advance(snapshot, 61);
  EXPECT_EQ(decide(*policy, snapshot, answer.memory).decision.thresholds.at("sustain"),
            Value(std::string("not_observed")));
}

TEST(Threshold, TheSmallestSetMovesAndTheRestStays) {
  const Decision decision = decide(*make_policy(), busy()).decision;
  ASSERT_EQ(decision.candidates.size(), 2U);
  EXPECT_TRUE(decision.candidates[0].move);
  EXPECT_FALSE(decision.candidates[0].needs_stop);
  EXPECT_TRUE(has(decision.candidates[0].reasons, "moves"));
  EXPECT_FALSE(decision.candidates[1].move);
  EXPECT_TRUE(has(decision.candidates[1].reasons, "stays"));
  ASSERT_EQ(decision.candidates[1].placements.size(), 1U);
}

TEST(Threshold, AnUnknownFigureHoldsNothing) {
  Snapshot snapshot = busy();
  snapshot.nodes[0].sample = Sample{};
  const Decision decision = decide(*make_policy(), snapshot).decision;
  EXPECT_FALSE(decision.allowed);
  for (const char* code : {"cpu_unknown", "memory_unknown", "pressure_unknown"})
    EXPECT_TRUE(has(decision.reasons, code)) << code;
  EXPECT_EQ(decision.thresholds.count("head_cpu_fraction"), 0U);
}

TEST(Threshold, WorkersAreRefusedForNamedReasons) {
  Snapshot snapshot = busy();
  const auto add = [&](const char* name, auto change) {
    snapshot.nodes.push_back(make_node(name, Role::worker, 0.0));
    change(snapshot.nodes.back());
  };
  add("dead", [](Node& node) { node.state = NodeState::dead; });
  add("suspect", [](Node& node) { node.state = NodeState::suspect; });
  add("drained", [](Node& node) { node.accepts_work = false; });
  add("silent", [](Node& node) { node.sample.cpu_fraction.reset(); });
  add("full", [](Node& node) { node.sample.cpu_fraction = 1.0; });
  add("reserved", [](Node& node) { node.reserved.cpus = 2; });
  add("tight", [](Node& node) { node.sample.memory_available_bytes = GiB / 4; });
  add("small", [](Node& node) { node.sample.cpu_fraction = 0.7; });
  add("alias", [](Node& node) { node.machine_id = "id-desk"; });
  const Decision decision = decide(*make_policy(), snapshot).decision;
  std::map<std::string, std::string> refused;
  for (const RefusedNode& node : decision.refused_nodes) refused[node.node] = node.reason;
  using ::testing::HasSubstr;
  EXPECT_EQ(refused["desk"], "head: never a target");
  EXPECT_EQ(refused["alias"], "head: never a target");
  EXPECT_THAT(refused["dead"], HasSubstr("dead"));
  EXPECT_THAT(refused["suspect"], HasSubstr("suspect"));
  EXPECT_THAT(refused["drained"], HasSubstr("drained"));
  EXPECT_THAT(refused["silent"], HasSubstr("load_unknown"));
  EXPECT_THAT(refused["full"], HasSubstr("0.00 of 2 CPUs"));
  EXPECT_THAT(refused["reserved"], HasSubstr("no_room"));
  EXPECT_THAT(refused["tight"], HasSubstr("no_room"));
  EXPECT_THAT(refused["small"], HasSubstr("too little for each candidate"));
  EXPECT_EQ(refused.count("w1"), 0U);
}

TEST(Threshold, OwnWorkOnAWorkerIsCountedOnce) {
  Snapshot snapshot = busy();
  Node& worker = snapshot.nodes[1];
  worker.sample.cpu_fraction = 0.5;  // one CPU, all of it this grid's
  worker.own_cpu_fraction = 0.5;
  worker.reserved.cpus = 1;
  EXPECT_TRUE(decide(*make_policy(), snapshot).decision.allowed);
  worker.own_cpu_fraction.reset();  // now it is somebody else's on top of the reservation
  EXPECT_FALSE(decide(*make_policy(), snapshot).decision.allowed);
}

TEST(Threshold, WithoutATargetEachNodeIsNamed) {
  Snapshot snapshot = busy();
  snapshot.nodes[1].state = NodeState::dead;
  const Decision decision = decide(*make_policy(), snapshot).decision;
  EXPECT_FALSE(decision.allowed);
  const std::string text = text_of(decision.reasons, "no_eligible_target");
  EXPECT_THAT(text, ::testing::HasSubstr("desk: head: never a target"));
  EXPECT_THAT(text, ::testing::HasSubstr("w1: state: dead"));
  EXPECT_TRUE(has(decision.candidates[0].reasons, "no_target"));
}

TEST(Threshold, SomeProcessesStayWhateverPresses) {
  Snapshot snapshot = busy();
  snapshot.candidates.assign(4, make_candidate(20, 0.5));
  for (int i = 0; i < 4; ++i) snapshot.candidates[static_cast<std::size_t>(i)].root.pid = 20 + i;
  snapshot.candidates[0].restartable = Restartable::no;
  snapshot.candidates[1].paused = true;
  snapshot.candidates[1].cpu_fraction = 0;
  snapshot.candidates[2].execution = "9";
  snapshot.candidates[3].allowed = false;
  const Decision decision = decide(*make_policy(), snapshot).decision;
  EXPECT_TRUE(has(decision.candidates[0].reasons, "not_restartable"));
  EXPECT_TRUE(decision.candidates[0].placements.empty());
  EXPECT_TRUE(has(decision.candidates[1].reasons, "paused"));
  EXPECT_EQ(text_of(decision.candidates[2].reasons, "held"), "execution 9 holds it");
  EXPECT_TRUE(has(decision.candidates[3].reasons, "not_allowed"));
  for (std::size_t i : {0U, 1U, 2U}) EXPECT_FALSE(decision.candidates[i].move) << i;
  EXPECT_TRUE(decision.candidates[3].move);  // a ranking; who may act on it is the caller's rule
}

TEST(Threshold, WhatComesBackIsInCooldown) {
  const auto policy = make_policy();
  Snapshot snapshot = busy();
  snapshot.candidates[0].execution = "9";
  auto answer = decide(*policy, snapshot);
  snapshot.candidates[0].execution.clear();
  advance(snapshot, 40);
  answer = decide(*policy, snapshot, answer.memory);
  EXPECT_THAT(text_of(answer.decision.candidates[0].reasons, "cooldown"), ::testing::HasSubstr("40 s ago"));
  EXPECT_FALSE(answer.decision.candidates[0].move);
  advance(snapshot, 561);
  answer = decide(*policy, snapshot, answer.memory);
  EXPECT_FALSE(has(answer.decision.candidates[0].reasons, "cooldown"));
}

TEST(Threshold, WhatIsLeavingCountsAsGone) {
  Snapshot snapshot = busy();
  snapshot.candidates[0].execution = "9";
  const Decision decision = decide(*make_policy(), snapshot).decision;
  EXPECT_FALSE(decision.allowed);
  EXPECT_TRUE(has(decision.reasons, "already_leaving"));
}

TEST(Threshold, PausedTreesAreNoLoadOfTheHead) {
  Snapshot snapshot = busy(0.9);
  snapshot.candidates[0].paused = true;  // 0.95 of 2 CPUs ran in the interval, and do no more
  const Decision decision = decide(*make_policy(), snapshot).decision;
  EXPECT_FALSE(decision.allowed);
  EXPECT_NEAR(std::get<double>(decision.thresholds.at("head_cpu_fraction")), 0.9 - 0.475, 1e-9);
}

TEST(Threshold, MemoryIsAnsweredByOneStopOnly) {
  Snapshot snapshot = make_snapshot(0.1);
  snapshot.nodes[0].sample.memory_available_bytes = GiB / 2;
  snapshot.candidates = {make_candidate(10, 0.1, GiB), make_candidate(11, 0.05, 2 * GiB),
                         make_candidate(12, 0.01, 4 * GiB)};
  snapshot.candidates[2].restartable = Restartable::with_loss;
  snapshot.candidates[2].cpu_seconds = 1000;
  const Decision decision = decide(*make_policy(), snapshot).decision;
  EXPECT_TRUE(decision.allowed);
  EXPECT_TRUE(has(decision.reasons, "memory_high"));
  EXPECT_THAT(text_of(decision.reasons, "pause_does_not_free"), ::testing::HasSubstr("process 11"));
  EXPECT_TRUE(decision.candidates[1].move && decision.candidates[1].needs_stop);
  EXPECT_FALSE(decision.candidates[0].move || decision.candidates[2].move);
}

TEST(Threshold, AGpuTriggerNeedsAWorkerWithOne) {
  Snapshot snapshot = make_snapshot(0.1);
  snapshot.nodes[0].sample.gpus = {{"0", "gpu", 1.0, {}, {}}};
  snapshot.candidates = {make_candidate(10, 0.1)};
  EXPECT_FALSE(decide(*make_policy(), snapshot).decision.allowed);
  snapshot.nodes[1].sample.gpus = {{"0", "gpu", 0.0, {}, {}}};
  const Decision decision = decide(*make_policy(), snapshot).decision;
  EXPECT_TRUE(decision.allowed);
  EXPECT_TRUE(decision.candidates[0].needs_stop);
  EXPECT_TRUE(has(decision.reasons, "pause_does_not_free"));
}

TEST(Threshold, PressureAloneMovesOne) {
  Snapshot snapshot = busy(0.5);
  snapshot.nodes[0].sample.pressure.cpu_some = 0.7;
  const Decision decision = decide(*make_policy(), snapshot).decision;
  EXPECT_TRUE(decision.allowed);
  EXPECT_TRUE(decision.candidates[0].move);
  EXPECT_FALSE(decision.candidates[1].move);
}

TEST(Threshold, PlacementsAreGivenWithoutATrigger) {
  const Decision decision = decide(*make_policy(), busy(0.2)).decision;
  EXPECT_FALSE(decision.allowed);
  EXPECT_FALSE(decision.reasons.empty());
  EXPECT_EQ(decision.candidates[0].placements.size(), 1U);
}

TEST(Threshold, AnEmptySnapshotHasAReasonToo) {
  const Decision decision = decide(*make_policy(), Snapshot{}).decision;
  EXPECT_FALSE(decision.allowed);
  EXPECT_FALSE(decision.reasons.empty());
}

}  // namespace
}  // namespace grid::threshold::testing
