#include "core/move/guard.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>

#include <cstdlib>
#include <fstream>

#include "core/base/files.hpp"
#include "core/move/testing.hpp"
#include "core/move/tree.hpp"

namespace grid {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAreArray;
using Kind = TreeState::Kind;

const std::string shim = GRID_BUILD_DIR "/lib/grid/grid-shim";

class GuardTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::filesystem::path report() const { return folder_ + "/guard"; }
  [[nodiscard]] std::vector<GuardReport> reports() const {
    return read_guard_reports(report()).value_or(std::vector<GuardReport>());
  }

  std::string folder_ = "/tmp/grid-guard-XXXXXX";
};

// A daemon of the test: pauses the tree under a guard, starts another child, and sleeps until it is killed.
pid_t start_daemon(Tree& tree, const std::filesystem::path& report) {
  const ProcessId root = tree.root();
  Board& board = tree.board();
  const pid_t daemon = ::fork();
  if (daemon != 0) return daemon;
  ::alarm(60);
  auto paused = ProcessTree::adopt(root);
  if (!paused) ::_exit(1);
  auto guard = Guard::start(shim, report, {root});
  if (!guard) ::_exit(2);
  // A child that inherits whatever was not closed for it, and outlives the daemon.
  std::string program = "/bin/sleep";
  std::string time = "30";
  std::array<char*, 3> arguments{program.data(), time.data(), nullptr};
  pid_t sleeper = -1;
  if (::posix_spawn(&sleeper, program.c_str(), nullptr, nullptr, arguments.data(), environ) != 0) ::_exit(3);
  board.slots[62].pid = sleeper;
  for (const ProcessId member : paused->members())
    if (!guard->add(member)) ::_exit(4);
  if (!paused->pause([&](ProcessId id) { return guard->add(id); })) ::_exit(5);
  board.slots[63].pid = guard->pid();
  for (;;) ::pause();
}

TEST_F(GuardTest, ContinuesTheTreeWhenTheDaemonIsKilled) {
  Tree tree(family);
  ASSERT_TRUE(tree.beats(family_size));
  const pid_t daemon = start_daemon(tree, report());
  ASSERT_TRUE(wait_until([&] { return tree.board().slots[63].pid != 0; }));
  EXPECT_TRUE(tree.all_are('T', family_size));
  const pid_t sleeper = tree.board().slots[62].pid;

  ::kill(daemon, SIGKILL);
  ::waitpid(daemon, nullptr, 0);
  EXPECT_TRUE(wait_until([&] { return !reports().empty(); }, std::chrono::seconds(1)));
  EXPECT_TRUE(tree.beats(family_size));
  EXPECT_TRUE(read_process(sleeper)) << "the other child is no reason to wait";
  ::kill(sleeper, SIGKILL);

  ASSERT_THAT(reports(), SizeIs(1));
  const GuardReport line = reports().front();
  EXPECT_EQ(line.root, tree.root());
  EXPECT_EQ(line.problem, "");
  EXPECT_GT(line.unix_ms, 1'600'000'000'000);
  std::vector<ProcessId> all;
  for (std::size_t i = 0; i < family_size; ++i) all.push_back(tree.id(i));
  EXPECT_THAT(line.continued, UnorderedElementsAreArray(all));
}

TEST_F(GuardTest, LeavesTheTreeStoppedWhenDisarmed) {
  Tree tree(family);
  ASSERT_TRUE(tree.beats(family_size));
  auto paused = ProcessTree::adopt(tree.root());
  ASSERT_TRUE(paused);
  auto guard = Guard::start(shim, report(), paused->members());
  ASSERT_TRUE(guard) << guard.error().message;
  const pid_t pid = guard->pid();
  ASSERT_TRUE(paused->pause([&](ProcessId id) { return guard->add(id); }));
  const auto disarmed = guard->disarm();
  ASSERT_TRUE(disarmed) << disarmed.error().message;
  EXPECT_FALSE(read_process(pid)) << "it has left and was reaped";
  EXPECT_EQ(paused->state().kind, Kind::all_stopped);
  EXPECT_TRUE(tree.all_are('T', family_size));
  EXPECT_THAT(reports(), IsEmpty());
  EXPECT_TRUE(paused->resume());
}

TEST_F(GuardTest, ContinuesTheTreeWhenDroppedArmed) {
  Tree tree(family);
  ASSERT_TRUE(tree.beats(family_size));
  auto paused = ProcessTree::adopt(tree.root());
  ASSERT_TRUE(paused);
  {
    // It is told of the root alone, and finds the others by itself.
    auto guard = Guard::start(shim, report(), {tree.root()});
    ASSERT_TRUE(guard) << guard.error().message;
    ASSERT_TRUE(paused->pause(nullptr));
  }
  EXPECT_EQ(paused->state().stopped.size(), 0U) << "all of it runs when the destructor has returned";
  ASSERT_THAT(reports(), SizeIs(1));
  EXPECT_THAT(reports().front().continued, SizeIs(family_size));
}

TEST_F(GuardTest, ContinuesAMemberThatNothingTiesToTheRoot) {
  Tree tree(family);
  Tree other([](Board& board) { Tree::beat(board, 0); });
  ASSERT_TRUE(tree.beats(family_size) && other.beats(1));
  ::kill(other.pid(), SIGSTOP);
  ASSERT_TRUE(wait_until([&] { return other.state(0) == 'T'; }));
  {
    auto guard = Guard::start(shim, report(), {tree.root()});
    ASSERT_TRUE(guard) << guard.error().message;
    ASSERT_TRUE(guard->add(other.root()));
  }
  EXPECT_TRUE(other.beats(1));
}

TEST_F(GuardTest, NeverTouchesAnotherProcessUnderTheSameNumber) {
  Tree other([](Board& board) { Tree::beat(board, 0); });
  ASSERT_TRUE(other.beats(1));
  ::kill(other.pid(), SIGSTOP);
  ASSERT_TRUE(wait_until([&] { return other.state(0) == 'T'; }));
  ProcessId stranger = other.root();
  stranger.start_ticks += 1;
  {
    auto guard = Guard::start(shim, report(), {stranger});
    ASSERT_TRUE(guard) << guard.error().message;
  }
  EXPECT_EQ(other.state(0), 'T');
  ASSERT_THAT(reports(), SizeIs(1));
  EXPECT_THAT(reports().front().continued, IsEmpty());
}

TEST_F(GuardTest, ContinuesTheTreeWhenToldToGoAndIgnoresTheTerminal) {
  Tree tree(family);
  ASSERT_TRUE(tree.beats(family_size));
  auto paused = ProcessTree::adopt(tree.root());
  ASSERT_TRUE(paused);
  auto guard = Guard::start(shim, report(), paused->members());
  ASSERT_TRUE(guard) << guard.error().message;
  ASSERT_TRUE(paused->pause([&](ProcessId id) { return guard->add(id); }));
  const auto facts = read_process(guard->pid());
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->session, guard->pid());
  for (const int number : {SIGINT, SIGHUP, SIGQUIT}) ::kill(guard->pid(), number);
  ASSERT_TRUE(guard->add(tree.root()));
  EXPECT_EQ(paused->state().kind, Kind::all_stopped);

  ::kill(guard->pid(), SIGTERM);
  ASSERT_TRUE(wait_until([&] { return !reports().empty(); }));
  EXPECT_TRUE(tree.beats(family_size));
  ASSERT_TRUE(wait_until([&] { return !guard->add(tree.root()); })) << "a guard that is gone is an error";
  EXPECT_FALSE(guard->disarm());
}

TEST_F(GuardTest, SaysThatItCannotBeStarted) {
  EXPECT_EQ(Guard::start(folder_ + "/none", report(), {}).error().code, Code::program_not_found);
  std::ofstream(folder_ + "/text") << "text";
  EXPECT_EQ(Guard::start(folder_ + "/text", report(), {}).error().code, Code::cannot_run);
  EXPECT_EQ(Guard::start("/bin/true", report(), {}).error().code, Code::internal);
}

TEST_F(GuardTest, ReportsAreReadPastABrokenLine) {
  const GuardReport line{12, {3, 4}, {{3, 4}, {5, 6}}, "process 5 may not be signalled"};
  ASSERT_TRUE(append_guard_report(report(), line));
  std::ofstream(report(), std::ios::app) << "garbage\n12 3 4 99 1 2\n\n";
  ASSERT_TRUE(append_guard_report(report(), {13, {3, 4}, {}, ""}));
  std::ofstream(report(), std::ios::app) << "14 3 4 0";
  ASSERT_THAT(reports(), SizeIs(2));
  EXPECT_EQ(reports()[0].problem, line.problem);
  EXPECT_EQ(reports()[0].continued, line.continued);
  EXPECT_EQ(reports()[1].unix_ms, 13);
  EXPECT_EQ(reports()[1].problem, "");
}

}  // namespace
}  // namespace grid
