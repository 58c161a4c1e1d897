#include "move_set.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <optional>

namespace grid::threshold {
namespace {

bool packs(const std::vector<Movable>& movables, unsigned set, std::size_t from,
           std::vector<Target> targets) {
  while (from < movables.size() && (set >> from & 1U) == 0) ++from;
  if (from == movables.size()) return true;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!targets[i].fits(movables[from].use)) continue;
    std::vector<Target> rest = targets;
    rest[i].take(movables[from].use);
    if (packs(movables, set, from + 1, rest)) return true;
  }
  return false;
}

struct Best {
  int size = 0;
  double loss = 0;
};

// Every subset, every way to place it.
std::optional<Best> brute_force(const std::vector<Movable>& movables, double need,
                                const std::vector<Target>& targets) {
  std::optional<Best> best;
  for (unsigned set = 1; set < 1U << movables.size(); ++set) {
    double relief = 0;
    double loss = 0;
    for (std::size_t i = 0; i < movables.size(); ++i)
      if (set >> i & 1U) relief += movables[i].relief_cpus, loss += movables[i].loss;
    const int size = std::popcount(set);
    if (relief <= need || !packs(movables, set, 0, targets)) continue;
    if (!best || size < best->size || (size == best->size && loss < best->loss)) best = Best{size, loss};
  }
  return best;
}

// Halves and whole numbers, so that sums are exact in any order.
rc::Gen<std::vector<Movable>> movables_gen() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::tuple<int, int, int>>>(
          rc::gen::tuple(rc::gen::inRange(0, 9), rc::gen::inRange(0, 5), rc::gen::inRange(0, 4))),
      [](std::vector<std::tuple<int, int, int>> raw) {
        if (raw.size() > 8) raw.resize(8);
        std::vector<Movable> movables;
        for (const auto& [cpus, memory, loss] : raw)
          movables.push_back({movables.size(), {cpus / 2.0, memory * 1.0}, cpus / 2.0, loss * 1.0});
        return movables;
      });
}

std::vector<Target> targets_of(const std::vector<std::pair<int, int>>& raw) {
  std::vector<Target> targets;
  for (const auto& [cpus, memory] : raw)
    targets.push_back({"w" + std::to_string(targets.size()), 8, 8, cpus / 2.0, memory * 1.0, false});
  return targets;
}

rc::Gen<std::vector<Target>> targets_gen() {
  return rc::gen::map(rc::gen::container<std::vector<std::pair<int, int>>>(
                          rc::gen::pair(rc::gen::inRange(0, 12), rc::gen::inRange(0, 8))),
                      [](std::vector<std::pair<int, int>> raw) {
                        if (raw.size() > 3) raw.resize(3);
                        return targets_of(raw);
                      });
}

TEST(MoveSet, IsTheSmallestAndThenTheCheapest) {
  EXPECT_TRUE(rc::check("against brute force", [] {
    const auto movables = *movables_gen();
    const auto targets = *targets_gen();
    const double need = *rc::gen::inRange(0, 12) / 2.0;
    const auto best = brute_force(movables, need, targets);
    std::vector<Target> free = targets;
    const MoveSet set = smallest_set(movables, need, free);
    RC_ASSERT(set.enough == best.has_value());
    if (!best) return;
    double loss = 0;
    double relief = 0;
    for (const Move& move : set.moves)
      loss += movables[move.index].loss, relief += movables[move.index].relief_cpus;
    RC_ASSERT(static_cast<int>(set.moves.size()) == best->size);
    RC_ASSERT(loss == best->loss);
    RC_ASSERT(relief > need);
  }));
}

TEST(MoveSet, NeverOvercommitsATarget) {
  EXPECT_TRUE(rc::check("first placements fit together", [] {
    const auto movables = *movables_gen();
    auto targets = *targets_gen();
    std::vector<Target> free = targets;
    const MoveSet set = smallest_set(movables, *rc::gen::inRange(0, 12) / 2.0, free);
    for (const Move& move : set.moves) {
      RC_ASSERT(!move.placements.empty());
      for (std::size_t i = 1; i < move.placements.size(); ++i)
        RC_ASSERT(move.placements[i - 1].score >= move.placements[i].score);
      for (Target& target : targets)
        if (target.node == move.placements.front().node) target.take(movables[move.index].use);
    }
    for (const Target& target : targets) RC_ASSERT(target.free_cpus >= 0 && target.free_memory_bytes >= 0);
  }));
}

TEST(MoveSet, TakesWhatHasRoomWhenNothingIsEnough) {
  std::vector<Target> targets = targets_of({{2, 8}});
  const std::vector<Movable> movables{{0, {1, 1}, 1, 0}, {1, {1, 1}, 1, 0}};
  const MoveSet set = smallest_set(movables, 1.5, targets);
  EXPECT_FALSE(set.enough);
  ASSERT_EQ(set.moves.size(), 1U);
  EXPECT_EQ(set.moves[0].index, 0U);
}

TEST(MoveSet, ManyCandidatesStayWithinTheBudget) {
  std::vector<Target> targets(20, {"w", 64, 64, 1.4, 64, false});
  for (std::size_t i = 0; i < targets.size(); ++i) targets[i].node = "w" + std::to_string(100 + i);
  std::vector<Movable> movables;
  for (std::size_t i = 0; i < 2000; ++i)
    movables.push_back({i, {0.5 + static_cast<double>(i % 7) / 10, 1}, 0.5, 1});
  const MoveSet set = smallest_set(movables, 7.9, targets);
  EXPECT_TRUE(set.enough);
  EXPECT_EQ(set.moves.size(), 16U);
}

}  // namespace
}  // namespace grid::threshold
