#include "core/loop/place.hpp"

#include <gtest/gtest.h>

namespace grid {
namespace {

Node node(const std::string& name, Role role, std::uint32_t cpus, double busy = 0) {
  Node made;
  made.name = name;
  made.role = role;
  made.state = NodeState::alive;
  made.sample.cpus = cpus;
  made.sample.cpu_fraction = busy;
  made.sample.memory_total_bytes = 8ULL << 30U;
  made.sample.memory_available_bytes = 4ULL << 30U;
  return made;
}

PlaceRequest needs(double cpus, std::uint64_t memory = 0) { return {{cpus, memory, 0, 0}, {}, {}}; }

std::string why(const PlaceAnswer& answer, const std::string& name) {
  for (const RefusedNode& refused : answer.refused)
    if (refused.node == name) return refused.reason;
  return {};
}

TEST(Place, WhatFitsTheHeadStays) {
  const std::vector<Node> nodes{node("head", Role::head, 4), node("w1", Role::worker, 64)};
  const PlaceAnswer answer = place(nodes, needs(1));
  EXPECT_EQ(answer.node, "head");
  EXPECT_EQ(answer.slots, 4U);
  EXPECT_EQ(place(nodes, needs(5)).node, "w1");
}

TEST(Place, OfWorkersTheOneWithTheMostRoom) {
  std::vector<Node> nodes{node("head", Role::head, 4, 0.99), node("w1", Role::worker, 8, 0.5),
                          node("w2", Role::worker, 8, 0.25)};
  EXPECT_EQ(place(nodes, needs(1)).node, "w2");
  nodes[2].reserved.cpus = 5;
  EXPECT_EQ(place(nodes, needs(1)).node, "w1");
}

TEST(Place, OwnLoadCountsOnceAsReservation) {
  Node worker = node("w1", Role::worker, 4, 1.0);
  worker.reserved.cpus = 2;
  worker.own_cpu_fraction = 1.0;  // all of the load is our own: of four, two are reserved
  EXPECT_EQ(place({worker}, needs(1)).slots, 2U);
}

TEST(Place, ForeignLoadNeverBlocksForGoodReservationsDo) {
  Node busy = node("w1", Role::worker, 2, 1.0);
  EXPECT_EQ(place({busy}, needs(1)).node, "w1");
  busy.reserved.cpus = 2;
  const PlaceAnswer full = place({busy}, needs(1));
  EXPECT_EQ(full.node, "");
  EXPECT_EQ(why(full, "w1"), "0.0 CPUs free of 2, 1 needed");
}

TEST(Place, EachRefusalHasItsReason) {
  std::vector<Node> nodes{node("head", Role::head, 4), node("dead", Role::worker, 4),
                          node("full", Role::worker, 4)};
  nodes[0].accepts_work = false;
  nodes[1].state = NodeState::dead;
  nodes[2].reserved.memory_bytes = 7ULL << 30U;
  const PlaceAnswer answer = place(nodes, needs(1, 2ULL << 30U));
  EXPECT_EQ(answer.node, "");
  EXPECT_EQ(why(answer, "head"), "does not accept work");
  EXPECT_EQ(why(answer, "dead"), "is dead");
  EXPECT_EQ(why(answer, "full"), "not enough memory free");
  EXPECT_EQ(refusal_text({}), "there are no nodes");
}

TEST(Place, LabelsPinsAndGpus) {
  std::vector<Node> nodes{node("head", Role::head, 4), node("w1", Role::worker, 4)};
  nodes[1].labels = {"ssd", "big"};
  PlaceRequest request = needs(1);
  request.labels = {"big"};
  EXPECT_EQ(place(nodes, request).node, "w1");
  request.labels = {"big", "tape"};
  EXPECT_EQ(why(place(nodes, request), "w1"), "lacks the label tape");
  request = needs(1);
  request.pinned = "w1";
  EXPECT_EQ(place(nodes, request).node, "w1");
  nodes[1].state = NodeState::unknown;
  EXPECT_EQ(place(nodes, request).node, "");
  request = needs(1);
  request.needs.gpus = 1;
  EXPECT_EQ(place(nodes, request).node, "");
}

TEST(Place, TakesNothingAndWorkThatNeedsNothing) {
  EXPECT_EQ(place({}, needs(1)).node, "");
  EXPECT_EQ(place({node("head", Role::head, 1)}, needs(0)).slots, 10'000U);
  Node blind = node("w1", Role::worker, 1);
  blind.sample = {};
  EXPECT_EQ(place({blind}, needs(1)).node, "");
}

TEST(Place, CountsThoseThatCouldTakeSomeLater) {
  std::vector<Node> nodes{node("w1", Role::worker, 4), node("w2", Role::worker, 4),
                          node("small", Role::worker, 1), node("gone", Role::worker, 4)};
  nodes[1].reserved.cpus = 4;
  nodes[3].state = NodeState::dead;
  const PlaceAnswer answer = place(nodes, needs(2));
  EXPECT_EQ(answer.node, "w1");
  EXPECT_EQ(answer.able, 2U);
  PlaceRequest pinned = needs(1);
  pinned.pinned = "w1";
  EXPECT_EQ(place(nodes, pinned).able, 1U);
}

}  // namespace
}  // namespace grid
