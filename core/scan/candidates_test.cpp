#include "core/scan/candidates.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "core/scan/testing.hpp"

namespace grid {
namespace {

using testing::row;

constexpr std::uint32_t never_executed = 0x40;
constexpr std::uint32_t kernel_thread = 0x00200000;

std::vector<int> roots(const std::vector<ProcessRow>& rows, CandidateRules rules = {},
                       bool same_program = true) {
  std::vector<int> pids;
  for (const auto& tree : find_candidates(rows, rules, [&](auto&, auto&) { return same_program; })) {
    pids.push_back(rows[tree.root].pid);
  }
  return pids;
}

template <class... Row>
std::vector<ProcessRow> list(Row... row) {
  std::vector<ProcessRow> rows;
  (rows.push_back(std::move(row)), ...);
  return rows;
}

ProcessRow with(ProcessRow r, void (*change)(ProcessRow&)) {
  change(r);
  return r;
}

TEST(Candidates, TheBusyChildNotTheShellAboveIt) {
  EXPECT_EQ(roots(list(row(1, 0), row(10, 1), row(11, 10, 0.9))), std::vector<int>{11});
}

TEST(Candidates, ByCpuAndCapped) {
  EXPECT_EQ(roots(list(row(10, 1, 0.2), row(11, 1, 0.9), row(12, 1, 0.5), row(13, 1, 0.01))),
            (std::vector<int>{11, 12, 10}));
  EXPECT_EQ(roots(list(row(10, 1, 0.2), row(11, 1, 0.9), row(12, 1, 0.5)), {.max_candidates = 2}),
            (std::vector<int>{11, 12}));
}

TEST(Candidates, AForkClimbsToItsParent) {
  auto rows = list(row(10, 1), row(11, 10, 0.5), row(12, 10, 0.5));
  rows[1].flags = rows[2].flags = never_executed;
  EXPECT_EQ(roots(rows), std::vector<int>{10});
  EXPECT_EQ(roots(rows, {}, false), (std::vector<int>{11, 12})) << "another program by now";
  const auto trees = find_candidates(rows, {}, [](auto&, auto&) { return true; });
  EXPECT_EQ(trees[0].members.size(), 3U);
  EXPECT_DOUBLE_EQ(*trees[0].cpu_fraction, 1.0);
}

TEST(Candidates, AForkOfOursStaysWhatItIs) {
  auto rows = list(row(10, 1), row(11, 10, 0.5), row(12, 10));
  rows[1].flags = never_executed;
  EXPECT_EQ(roots(rows, {.self = 12}), std::vector<int>{11});
}

TEST(Candidates, AncestorOnlyWithCpuOfItsOwn) {
  EXPECT_EQ(roots(list(row(10, 1, 0.2), row(11, 10, 0.9))), (std::vector<int>{10, 11}));
  auto rows = list(row(10, 1), row(11, 10, 0.9));
  rows[0].rss_bytes = 1ULL << 30U;
  EXPECT_EQ(roots(rows), std::vector<int>{11}) << "large, but idle";
  rows[1].cpu_fraction = 0;
  EXPECT_EQ(roots(rows), std::vector<int>{10}) << "large alone";
}

TEST(Candidates, ManySmallOnesCountTogetherExceptBelowAHost) {
  auto rows = list(row(10, 1), row(11, 10, 0.03), row(12, 10, 0.03));
  EXPECT_EQ(roots(rows), std::vector<int>{10});
  rows[0].comm = "sshd";
  EXPECT_TRUE(roots(rows).empty());
  rows[0].comm = "bash";
  rows[0].tty_nr = 34816;
  rows[0].session = 10;
  EXPECT_TRUE(roots(rows).empty()) << "leads the session of a terminal";
}

TEST(Candidates, NeverKernelInitOrOurs) {
  auto rows = list(row(1, 0, 1.0), row(2, 0, 1.0), row(10, 1, 1.0), row(11, 10, 1.0), row(12, 11, 1.0),
                   row(13, 1, 1.0));
  rows[1].flags = kernel_thread;
  rows[5].state = 'Z';
  EXPECT_EQ(roots(rows, {.self = 11}), std::vector<int>{12}) << "a child of ours that is busy";
}

TEST(Candidates, MembersAreTheWholeTreeWithoutZombies) {
  auto rows = list(row(10, 1, 0.9), row(11, 10), row(12, 11), row(13, 12), row(14, 1));
  rows[2].child_cpu_ticks = static_cast<std::uint64_t>(ticks_per_second());
  rows[3].state = 'Z';
  const auto tree = tree_of(rows, 0);
  EXPECT_EQ(tree.members, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_DOUBLE_EQ(tree.cpu_seconds, 1.0);
}

TEST(Candidates, AnyParentsEnd) {
  rc::check("loops, self-parents and unknown parents are answered",
            [](const std::vector<std::uint8_t>& parents) {
              std::vector<ProcessRow> rows;
              for (std::size_t i = 0; i < parents.size(); ++i) {
                rows.push_back(with(row(static_cast<int>(i) + 2, parents[i] % 40, 0.5),
                                    [](ProcessRow& r) { r.flags = never_executed; }));
              }
              const auto trees = find_candidates(rows, {.self = 5}, [](auto&, auto&) { return true; });
              RC_ASSERT(trees.size() <= rows.size());
              for (std::size_t i = 0; i < rows.size(); ++i)
                RC_ASSERT(tree_of(rows, i).members.size() <= rows.size());
            });
}

TEST(ProcessRow, OneThatIsEndingHasEnded) {
  ProcessRow ending = row(5, 1);
  ASSERT_TRUE(
      parse_stat(testing::stat_line({.pid = 5, .flags = 0x00400004U}), ending));  // state S, PF_EXITING
  EXPECT_TRUE(ending.zombie());
  ASSERT_TRUE(parse_stat(testing::stat_line({.pid = 5, .flags = 0x00400000U}), ending));
  EXPECT_FALSE(ending.zombie());
}

}  // namespace
}  // namespace grid
