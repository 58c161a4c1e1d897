// Gates, restarts, deaths and cancels.
#include <sys/stat.h>
#include <sys/wait.h>

#include "testing.hpp"

namespace grid::local::testing {
namespace {

class LifeTest : public LocalTest {
 protected:
  // A running task that left its pid, and those of its descendants, one per line in `pids`.
  std::vector<ProcessId> processes(std::size_t count) {
    std::vector<ProcessId> found;
    EXPECT_TRUE(until([&] {
      std::ifstream file(base / "pids");
      found.clear();
      for (pid_t pid = 0; file >> pid;) {
        if (const auto facts = rd::process_facts(pid)) found.push_back(facts->id);
      }
      return found.size() == count;
    }));
    return found;
  }
  RunSpec family(const std::string& before, const std::string& after = "wait") {
    auto spec =
        shell(before +
              "sleep 1000 & echo $! >>pids; setsid sleep 1000 & echo $! >>pids; (setsid sh -c 'sleep 1000 & "
              "echo $! >>pids; exec sleep 1000' &); echo $$ >>pids; " +
              after);
    spec.task.cwd = base;
    return spec;
  }
  int run_shim(const grid::Run& run) {
    const auto pid = spawn_shim(GRID_BUILD_DIR "/lib/grid/grid-shim", folder(run));
    EXPECT_TRUE(pid);
    int status = 0;
    ::waitpid(*pid, &status, 0);
    return WEXITSTATUS(status);
  }
};

TEST_F(LifeTest, ADeadShimIsALostRunAndNothingIsLeft) {
  ASSERT_TRUE(start(family("")));
  const auto all = processes(4);
  ::kill(shim({"head", "e1.1"}).pid, SIGKILL);
  ASSERT_TRUE(until_final());
  EXPECT_NE(sink.lost_because, "");
  EXPECT_TRUE(sink.endings.empty());
  for (const auto& process : all) EXPECT_FALSE(alive(process));
}

TEST_F(LifeTest, AnotherLinkAttachesAndGetsTheTrueCode) {
  auto spec = array(
      3, 1,
      "[ $GRID_EXECUTION = e1.0 ] || while [ ! -e go ]; do sleep 0.01; done; exit ${GRID_EXECUTION##*.}");
  spec.task.cwd = base;
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until([&] { return sink.starts.size() == 2; }));
  reopen();
  EXPECT_EQ(*attach(spec.run), RunState::running);
  ASSERT_TRUE(until([&] { return sink.starts.size() == 2; }));
  EXPECT_EQ(sink.endings.at(0).code, 0);
  std::ofstream(base / "go").put('x');
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.at(2).code, 2);
  reopen();
  EXPECT_EQ(*attach(spec.run), RunState::finished);
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.size(), 3U);
  EXPECT_EQ(sink.endings.at(1).code, 1);
}

TEST_F(LifeTest, AShimThatDiedWhileNobodyWatchedIsLost) {
  ASSERT_TRUE(start(family("")));
  const auto all = processes(4);
  const auto id = shim({"head", "e1.1"});
  reopen();
  ::kill(id.pid, SIGKILL);
  ::waitpid(id.pid, nullptr, 0);
  EXPECT_EQ(*attach({"head", "e1.1"}), RunState::running);
  ASSERT_TRUE(until_final());
  EXPECT_NE(sink.lost_because, "");
  for (const auto& process : all) EXPECT_FALSE(alive(process));
  EXPECT_TRUE(wait<void>([&](Done<> done) { link->forget({"head", "e1.1"}, std::move(done)); }));
}

TEST_F(LifeTest, AttachShutsTheGateOfARunThatNeverStarted) {
  const auto spec = shell("touch ran");
  EXPECT_EQ(*attach(spec.run), RunState::absent);
  ASSERT_TRUE(wait<void>([&](Done<> done) { link->prepare(spec, std::move(done)); }));
  EXPECT_EQ(*attach(spec.run), RunState::never_started);
  EXPECT_EQ(run_shim(spec.run), 3);
  EXPECT_EQ(*attach(spec.run), RunState::never_started);
  const auto refused = start(spec);
  ASSERT_FALSE(refused);
  EXPECT_FALSE(refused.error().retryable);
  EXPECT_TRUE(sink.starts.empty());
  EXPECT_TRUE(wait<void>([&](Done<> done) { link->forget(spec.run, std::move(done)); }));
  EXPECT_EQ(*attach(spec.run), RunState::absent);
}

TEST_F(LifeTest, OneNonceStartsOnceAndAnotherIsRefused) {
  auto spec = shell("echo x >>ran; while [ ! -e go ]; do sleep 0.01; done");
  spec.task.cwd = base;
  ASSERT_TRUE(wait<void>([&](Done<> done) { link->prepare(spec, std::move(done)); }));
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until([&] { return sink.starts.size() == 1; }));
  sink = Recorder();
  ASSERT_TRUE(start(spec));  // as if it were new: its events come again
  ASSERT_TRUE(until([&] { return sink.starts.size() == 1; }));
  EXPECT_EQ(run_shim(spec.run), 3);
  auto other = spec;
  other.nonce = "n2";
  const auto refused = start(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::resource_conflict);
  EXPECT_EQ(wait<void>([&](Done<> done) { link->forget(spec.run, std::move(done)); }).error().code,
            Code::resource_conflict);
  std::ofstream(base / "go").put('x');
  ASSERT_TRUE(until_final());
  EXPECT_EQ(contents(base / "ran"), "x\n");
  EXPECT_TRUE(wait<void>([&](Done<> done) { link->forget(spec.run, std::move(done)); }));
  EXPECT_FALSE(fs::exists(folder(spec.run)));
}

TEST_F(LifeTest, AMissingShimNeverStartsAnything) {
  transport->stop();
  ASSERT_TRUE(transport->configure(Options({{"shim", std::string("/no/such/shim")}})));
  ASSERT_TRUE(transport->start());
  reopen();
  const auto refused = start(shell("true"));
  ASSERT_FALSE(refused);
  EXPECT_FALSE(refused.error().retryable);
  EXPECT_EQ(run_shim({"head", "e1.1"}), 3);
}

TEST_F(LifeTest, CancelEndsTheWholeFamily) {
  ASSERT_TRUE(start(family("")));
  const auto all = processes(4);
  ASSERT_TRUE(cancel({"head", "e1.1"}));
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.at(0).signal, SIGTERM);
  for (const auto& process : all) EXPECT_FALSE(alive(process));
}

TEST_F(LifeTest, WhoIgnoresTermIsKilledAfterTheGrace) {
  auto spec = family("trap '' TERM; ", "while :; do sleep 0.05; done");
  spec.task.grace_seconds = 0.3;
  ASSERT_TRUE(start(spec));
  const auto all = processes(4);
  const auto asked = host.now().monotonic;
  ASSERT_TRUE(cancel(spec.run));
  ASSERT_TRUE(until_final());
  EXPECT_GE(host.now().monotonic - asked, std::chrono::milliseconds(250));
  EXPECT_EQ(sink.endings.at(0).signal, SIGKILL);
  for (const auto& process : all) EXPECT_FALSE(alive(process));
}

TEST_F(LifeTest, ACancelledFamilyHasItsGraceAfterItsHeadEnded) {
  auto spec = shell(
      "(trap 'sleep 0.2; echo clean >done; exit' TERM; echo >ready; while :; do sleep 0.01; done) & wait");
  spec.task.cwd = base;
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until_exists(base / "ready"));
  ASSERT_TRUE(cancel(spec.run));
  ASSERT_TRUE(until_final());
  EXPECT_EQ(contents(base / "done"), "clean\n");
}

TEST_F(LifeTest, AStoppedTaskIsWaitedForAndCanBeCancelled) {
  ASSERT_TRUE(start(shell("kill -STOP $$")));
  ASSERT_TRUE(until(
      [&] { return sink.starts.size() == 1 && rd::process_facts(sink.starts.at(0).pid)->state == 'T'; }));
  EXPECT_TRUE(sink.endings.empty());
  ASSERT_TRUE(cancel({"head", "e1.1"}));
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.at(0).signal, SIGTERM);
}

TEST_F(LifeTest, SingleElementsAreCancelledStartedOrNot) {
  auto spec = array(4, 1, "echo $GRID_EXECUTION >>ran; while [ ! -e go ]; do sleep 0.01; done");
  spec.task.cwd = base;
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until_exists(base / "ran"));
  ASSERT_TRUE(cancel(spec.run, {0, 2}));
  ASSERT_TRUE(until([&] { return sink.endings.size() == 1; }));
  std::ofstream(base / "go").put('x');
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.at(0).signal, SIGTERM);
  EXPECT_EQ(sink.endings.at(1).code, 0);
  EXPECT_EQ(sink.endings.at(2).signal, SIGTERM);
  EXPECT_EQ(sink.endings.at(3).code, 0);
  EXPECT_FALSE(sink.starts.contains(2));
  EXPECT_EQ(contents(base / "ran"), "e1.0\ne1.1\ne1.3\n");
}

TEST_F(LifeTest, SignalsGoToTheGroup) {
  auto spec = shell("trap 'exit 5' USR1; echo >ready; while :; do sleep 0.01; done");
  spec.task.cwd = base;
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until([&] { return fs::exists(base / "ready") && !sink.starts.empty(); }));
  const auto send = [&](std::uint32_t element) {
    return wait<void>([&](Done<> done) { link->signal(spec.run, element, SIGUSR1, std::move(done)); });
  };
  EXPECT_EQ(send(1).error().code, Code::not_found);
  EXPECT_TRUE(send(0));
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.at(0).code, 5);
  EXPECT_EQ(send(0).error().code, Code::not_found);
}

TEST_F(LifeTest, TheShimOutlivesTheSignalsOfAClosedTerminal) {
  auto spec = shell("while [ ! -e go ]; do sleep 0.01; done; exit 6");
  spec.task.cwd = base;
  ASSERT_TRUE(start(spec));
  for (const int signal : {SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM}) ::kill(shim(spec.run).pid, signal);
  std::ofstream(base / "go").put('x');
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.at(0).code, 6);
}

TEST_F(LifeTest, AnUnsafeRunRootIsRefused) {
  const auto refused = [&] {
    const auto result = start(shell("true"));
    EXPECT_FALSE(result);
    EXPECT_FALSE(result.error().hint.empty());
    return result.error().code;
  };
  fs::create_directory(base / "elsewhere");
  ::chmod((base / "elsewhere").c_str(), 0700);
  fs::create_directory_symlink(base / "elsewhere", root);
  EXPECT_EQ(refused(), Code::policy_denied);
  fs::remove(root);
  fs::create_directory(root);
  ::chmod(root.c_str(), 0755);
  EXPECT_EQ(refused(), Code::policy_denied);
  ::chmod(root.c_str(), 0700);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(root.c_str(), 12345, 12345), 0);
    EXPECT_EQ(refused(), Code::policy_denied);
    ASSERT_EQ(::chown(root.c_str(), 0, 0), 0);
  }
  EXPECT_TRUE(start(shell("true")));
  EXPECT_TRUE(until_final());
}

}  // namespace
}  // namespace grid::local::testing
