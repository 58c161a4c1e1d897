#include "core/move/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <fstream>

#include "core/move/testing.hpp"

namespace grid {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
using Kind = TreeState::Kind;

TEST(ProcessTree, PausesContinuesAndEndsAWholeFamily) {
  Tree family_tree(family);
  ASSERT_TRUE(family_tree.beats(family_size));
  auto tree = ProcessTree::adopt(family_tree.root());
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_THAT(tree->members(), SizeIs(family_size));
  EXPECT_EQ(tree->members().front(), family_tree.root());
  EXPECT_EQ(tree->state().kind, Kind::some_running);

  const auto paused = tree->pause(nullptr);
  ASSERT_TRUE(paused) << paused.error().message;
  EXPECT_TRUE(family_tree.all_are('T', family_size));
  EXPECT_EQ(tree->state().kind, Kind::all_stopped);
  EXPECT_THAT(tree->state().stopped, SizeIs(family_size));
  EXPECT_TRUE(tree->pause(nullptr)) << "pausing again changes nothing";

  const auto continued = tree->resume();
  ASSERT_TRUE(continued) << continued.error().message;
  EXPECT_THAT(*continued, SizeIs(family_size));
  EXPECT_EQ(continued->back(), family_tree.root()) << "the parent last";
  EXPECT_TRUE(family_tree.beats(family_size));
  EXPECT_THAT(tree->resume().value(), IsEmpty());

  ASSERT_TRUE(tree->pause(nullptr));
  const auto killed = tree->kill();
  ASSERT_TRUE(killed) << killed.error().message;
  EXPECT_EQ(tree->state().kind, Kind::gone);
  EXPECT_THAT(tree->state().running, IsEmpty());
  EXPECT_THAT(tree->state().stopped, IsEmpty());
}

TEST(ProcessTree, IsOpenedAgainFromWhatWasStored) {
  Tree family_tree(family);
  ASSERT_TRUE(family_tree.beats(family_size));
  std::vector<ProcessId> stored;
  {
    auto tree = ProcessTree::adopt(family_tree.root());
    ASSERT_TRUE(tree && tree->pause(nullptr));
    stored = tree->members();
  }
  EXPECT_TRUE(family_tree.all_are('T', family_size)) << "dropping a tree signals nobody";
  const ProcessId child = stored.back();
  stored.back().start_ticks += 1;  // its number belongs to another one by now
  auto tree = ProcessTree::reopen(stored);
  ASSERT_TRUE(tree);
  EXPECT_THAT(tree->members(), SizeIs(family_size - 1));
  EXPECT_THAT(tree->members(), Not(Contains(stored.back())));
  EXPECT_EQ(tree->state().kind, Kind::all_stopped);
  const auto continued = tree->resume();
  ASSERT_TRUE(continued);
  EXPECT_THAT(*continued, Contains(child)) << "a descendant that was not listed is found again";
  EXPECT_TRUE(family_tree.beats(family_size));

  family_tree.end();
  auto none = ProcessTree::reopen(stored);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->state().kind, Kind::gone);
  EXPECT_EQ(ProcessTree::reopen({}).error().code, Code::usage);
}

TEST(ProcessTree, TellsOfEachNewMemberBeforeItIsStopped) {
  Tree growing([](Board& board) {
    while (!board.flag) ::usleep(500);
    Tree::fork_below(board, 1, [](Board& b) { Tree::beat(b, 1); });
    Tree::beat(board, 0);
  });
  ASSERT_TRUE(wait_until([&] { return growing.board().slots[0].pid != 0; }));
  auto tree = ProcessTree::adopt(growing.root());
  ASSERT_TRUE(tree);
  growing.board().flag = true;
  ASSERT_TRUE(growing.beats(2));
  std::vector<ProcessId> told;
  ASSERT_TRUE(tree->pause([&](ProcessId id) -> Result<> {
    EXPECT_NE(read_process(id.pid)->state, 'T');
    told.push_back(id);
    return {};
  }));
  EXPECT_THAT(told, ElementsAre(growing.id(1)));

  growing.board().slots[1].pid = 0;
  ASSERT_TRUE(tree->resume());
  auto young = ProcessTree::reopen({growing.root()});
  ASSERT_TRUE(young);
  const auto refused =
      young->pause([](ProcessId) -> Result<> { return fail(Code::internal, "the guard is gone"); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the guard is gone");
  EXPECT_TRUE(growing.beats(2)) << "a pause that failed leaves nobody stopped";
}

TEST(ProcessTree, StopsAParentThatForksAllTheTime) {
  Tree forking([](Board& board) {
    ::signal(SIGCHLD, SIG_IGN);
    for (;;) {
      if (Tree::fork_below(board, 1, [](Board& b) {
            ++b.count;
            ::usleep(100'000);
          }) < 0)
        ::_exit(1);
      ::usleep(1000);
    }
  });
  for (int round = 0; round < 5; ++round) {
    const std::uint64_t before = forking.board().count;
    ASSERT_TRUE(wait_until([&] { return forking.board().count > before + 20; }));
    auto tree = ProcessTree::adopt(forking.root());
    ASSERT_TRUE(tree) << tree.error().message;
    const auto paused = tree->pause(nullptr);
    ASSERT_TRUE(paused) << paused.error().message;
    const auto members = tree->members();
    std::size_t children = 0;
    for (const ProcessFacts& facts : read_processes()) {
      if (facts.parent != forking.pid()) continue;
      ++children;
      EXPECT_EQ(facts.state, 'T');
      EXPECT_THAT(members, Contains(facts.id));
    }
    EXPECT_GT(children, 2U);
    ASSERT_TRUE(tree->resume());
  }
}

// What ties the orphans to the tree is the root's session, or its process group.
TEST(ProcessTree, StopsAChainInWhichEachParentEndsAtOnce) {
  for (const bool by_session : {true, false}) {
    Tree chain([by_session](Board& board) {
      by_session ? ::setsid() : ::setpgid(0, 0);
      if (::fork() == 0)
        for (;;) {
          ::alarm(60);
          if (by_session) ::setpgid(0, 0);
          ++board.count;
          if (board.flag) ::_exit(0);
          if (::fork() != 0) ::_exit(0);
          ::usleep(2000);
        }
      Tree::beat(board, 0);
    });
    const auto goes_on = [&] {
      const std::uint64_t links = chain.board().count;
      return wait_until([&] { return chain.board().count > links; }, std::chrono::milliseconds(30));
    };
    ASSERT_TRUE(wait_until([&] { return chain.board().count > 20; }));
    auto tree = ProcessTree::adopt(chain.root());
    ASSERT_TRUE(tree) << tree.error().message;
    const auto paused = tree->pause(nullptr);
    ASSERT_TRUE(paused) << paused.error().message;
    EXPECT_FALSE(goes_on());
    ASSERT_TRUE(tree->resume());
    const std::uint64_t links = chain.board().count;
    EXPECT_TRUE(wait_until([&] { return chain.board().count > links + 10; }));
    EXPECT_TRUE(tree->kill());
    EXPECT_FALSE(goes_on());
  }
}

TEST(ProcessTree, LooksAgainAfterAllItKnowsAreStopped) {
  Tree family_tree(family);
  ASSERT_TRUE(family_tree.beats(family_size));
  ::kill(family_tree.pid(), SIGSTOP);
  ASSERT_TRUE(wait_until([&] { return family_tree.state(0) == 'T'; }));
  auto tree = ProcessTree::reopen({family_tree.root()});
  ASSERT_TRUE(tree && tree->pause(nullptr));
  EXPECT_TRUE(family_tree.all_are('T', family_size));
}

TEST(ProcessTree, StopsAParentThatWaitsInVfork) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer makes a fork of every vfork";
#endif
  Tree waiting([](Board& board) {
    for (;;) {
      if (::vfork() == 0) {
        ::usleep(20'000);
        ::_exit(0);
      }
      ++board.slots[0].beats;
      ::waitpid(-1, nullptr, 0);
    }
  });
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(wait_until([&] { return waiting.state(0) == 'D'; }));
    auto tree = ProcessTree::adopt(waiting.root());
    ASSERT_TRUE(tree) << tree.error().message;
    const auto paused = tree->pause(nullptr);
    ASSERT_TRUE(paused) << paused.error().message;
    EXPECT_EQ(waiting.state(0), 'T');
    ASSERT_TRUE(tree->resume());
    ASSERT_TRUE(waiting.beats(1));
  }
}

void* burn(void* beats) {
  for (;;) ++*static_cast<std::atomic<std::uint64_t>*>(beats);
}

TEST(ProcessTree, StopsEveryThreadAlsoWhenTheFirstHasEnded) {
  for (const bool leader_ends : {false, true}) {
    Tree threads([&](Board& board) {
      for (std::size_t i = 0; i < 3; ++i) {
        pthread_t thread{};
        ::pthread_create(&thread, nullptr, burn, &board.slots[i].beats);
      }
      if (leader_ends) ::syscall(SYS_exit, 0);  // this thread alone
      burn(&board.slots[3].beats);
    });
    ASSERT_TRUE(threads.beats(3));
    ASSERT_TRUE(wait_until([&] { return !leader_ends || threads.state(0) == 'Z'; }));
    auto tree = ProcessTree::adopt(threads.root());
    ASSERT_TRUE(tree) << tree.error().message;
    EXPECT_EQ(tree->state().kind, Kind::some_running);
    ASSERT_TRUE(tree->pause(nullptr));
    std::vector<std::uint64_t> before;
    for (std::size_t i = 0; i < 3; ++i) before.push_back(threads.board().slots[i].beats);
    EXPECT_EQ(tree->state().kind, Kind::all_stopped);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(threads.board().slots[i].beats, before[i]);
    ASSERT_TRUE(tree->resume());
    EXPECT_TRUE(threads.beats(3));
  }
}

TEST(ProcessTree, SaysWhoWasContinuedByHand) {
  Tree family_tree(family);
  ASSERT_TRUE(family_tree.beats(family_size));
  auto tree = ProcessTree::adopt(family_tree.root());
  ASSERT_TRUE(tree && tree->pause(nullptr));
  ::kill(family_tree.id(4).pid, SIGCONT);
  EXPECT_EQ(tree->state().kind, Kind::some_running);
  EXPECT_THAT(tree->state().running, ElementsAre(family_tree.id(4)));
  EXPECT_THAT(tree->state().stopped, SizeIs(family_size - 1));
}

TEST(ProcessTree, TellsThatTheRootIsGoneAndWhatItLeft) {
  Tree leaving([](Board& board) {
    Tree::fork_below(board, 1, [](Board& b) {
      ::prctl(PR_SET_PDEATHSIG, 0);
      Tree::beat(b, 1);
    });
    Tree::beat(board, 0);
  });
  ASSERT_TRUE(leaving.beats(2));
  auto tree = ProcessTree::adopt(leaving.root());
  ASSERT_TRUE(tree && tree->pause(nullptr));
  const ProcessId child = leaving.id(1);
  const ProcessId root = leaving.root();
  ::kill(leaving.pid(), SIGKILL);
  ASSERT_TRUE(wait_until([&] { return tree->state().kind == Kind::gone; }));
  EXPECT_EQ(leaving.state(0), 'Z') << "a zombie counts as gone";
  EXPECT_EQ(tree->state().stopped.size() + tree->state().running.size(), 1U);
  EXPECT_EQ(ProcessTree::adopt(root).error().code, Code::process_not_found);
  EXPECT_EQ(tree->pause(nullptr).error().code, Code::process_not_found);

  auto again = ProcessTree::reopen({root, child});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->state().kind, Kind::gone);
  EXPECT_TRUE(again->kill());
  EXPECT_TRUE(wait_until([&] { return !read_process(child.pid) || leaving.state(1) == 'Z'; }));
}

TEST(ProcessTree, NeverTouchesAnotherProcessUnderTheSameNumber) {
  Tree family_tree(family);
  ASSERT_TRUE(family_tree.beats(family_size));
  ProcessId other = family_tree.root();
  other.start_ticks -= 1;
  EXPECT_EQ(ProcessTree::adopt(other).error().code, Code::process_not_found);
  auto tree = ProcessTree::reopen({other});
  ASSERT_TRUE(tree);
  EXPECT_TRUE(tree->kill());
  EXPECT_TRUE(family_tree.beats(family_size));
}

TEST(ProcessTree, LeavesAloneWhatSomebodyElseHasStopped) {
  Tree family_tree(family);
  ASSERT_TRUE(family_tree.beats(family_size));
  auto tree = ProcessTree::adopt(family_tree.root());
  ASSERT_TRUE(tree);
  ::kill(family_tree.id(5).pid, SIGSTOP);
  ASSERT_TRUE(wait_until([&] { return family_tree.state(5) == 'T'; }));

  const auto again = ProcessTree::adopt(family_tree.root());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::not_restartable);
  EXPECT_THAT(again.error().message, StartsWith("already_stopped"));

  const auto paused = tree->pause(nullptr);
  ASSERT_FALSE(paused);
  EXPECT_THAT(paused.error().message, StartsWith("already_stopped"));
  EXPECT_THAT(paused.error().message, HasSubstr(std::to_string(family_tree.id(5).pid)));
  EXPECT_EQ(family_tree.state(5), 'T') << "it is not continued either";
  EXPECT_TRUE(family_tree.beats(5)) << "the others run again";
}

TEST(ProcessTree, RefusesATracedProcess) {
  Tree family_tree(family);
  ASSERT_TRUE(family_tree.beats(family_size));
  auto tree = ProcessTree::adopt(family_tree.root());
  ASSERT_TRUE(tree);
  if (::ptrace(PTRACE_SEIZE, family_tree.id(2).pid, nullptr, nullptr) != 0)
    GTEST_SKIP() << "ptrace is not allowed here";
  const auto adopted = ProcessTree::adopt(family_tree.root());
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, Code::not_restartable);
  EXPECT_THAT(adopted.error().message, StartsWith("traced: "));
  EXPECT_THAT(tree->pause(nullptr).error().message, StartsWith("traced: "));
  EXPECT_TRUE(family_tree.beats(family_size));
}

TEST(ProcessTree, RefusesAFrozenProcess) {
  Tree family_tree(family);
  ASSERT_TRUE(family_tree.beats(family_size));
  const auto write = [](const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    return file.good();
  };
  std::string group;
  std::string freeze;
  for (const char* base : {"/sys/fs/cgroup/freezer", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
    group = std::string(base) + "/grid-move-test-" + std::to_string(::getpid());
    const bool first = std::string(base).ends_with("freezer");
    freeze = group + (first ? "/freezer.state" : "/cgroup.freeze");
    if (::mkdir(group.c_str(), 0700) == 0) {
      if (write(group + "/cgroup.procs", std::to_string(family_tree.pid())) &&
          write(freeze, first ? "FROZEN" : "1"))
        break;
      ::rmdir(group.c_str());
    }
    group.clear();
  }
  if (group.empty()) GTEST_SKIP() << "no control group can be made and frozen here";
  std::string message;
  EXPECT_TRUE(wait_until([&] {
    const auto adopted = ProcessTree::adopt(family_tree.root());
    message = adopted ? "" : adopted.error().message;
    return message.starts_with("frozen: ");
  })) << message;
  write(freeze, freeze.ends_with("state") ? "THAWED" : "0");
  family_tree.end();
  EXPECT_TRUE(wait_until([&] { return ::rmdir(group.c_str()) == 0; }));
}

TEST(ProcessTree, NeverStopsTheProgramItRunsIn) {
  const auto adopted = ProcessTree::adopt(read_process(::getpid())->id);
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, Code::not_restartable);
  EXPECT_THAT(adopted.error().message, StartsWith("contains_grid"));
}

TEST(ProcessTree, ContinuesTheRestWhenOneMayNotBeSignalled) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to make processes of two users";
  Tree mixed([](Board& board) {
    if (::setuid(65534) != 0) ::_exit(1);
    Tree::beat(board, 0);
  });
  Tree other([](Board& board) {
    if (::setuid(65533) != 0) ::_exit(1);
    Tree::beat(board, 0);
  });
  ASSERT_TRUE(mixed.beats(1) && other.beats(1));
  auto tree = ProcessTree::adopt(mixed.root());
  ASSERT_TRUE(tree && tree->hold(other.root()));
  ASSERT_EQ(::seteuid(65534), 0);
  // The one of the other user is held as one of ours and runs: pausing has to tell it to stop, and may not.
  const auto paused = tree->pause(nullptr);
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().code, Code::policy_denied);
  EXPECT_TRUE(mixed.beats(1) && other.beats(1));
}

TEST(ProcessFacts, SurviveAnyProcessName) {
  Tree named([](Board& board) {
    ::prctl(PR_SET_NAME, "a b) R 1 (x\n");
    Tree::beat(board, 0);
  });
  ASSERT_TRUE(named.beats(1));
  const auto facts = read_process(named.pid());
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->id.pid, named.pid());
  EXPECT_EQ(facts->parent, ::getpid());
#if defined(__SANITIZE_THREAD__)
  EXPECT_EQ(facts->threads, 2U);  // ThreadSanitizer adds one of its own
#else
  EXPECT_EQ(facts->threads, 1U);
#endif
  EXPECT_GT(facts->id.start_ticks, 0U);
}

}  // namespace
}  // namespace grid
