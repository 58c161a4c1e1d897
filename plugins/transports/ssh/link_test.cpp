// Runs over a link whose far end is a real shell.
#include <random>

#include "link_testing.hpp"

namespace grid::ssh::testing {
namespace {

using ::testing::HasSubstr;

TEST_F(LinkTest, RunsToItsEnd) {
  const auto spec = shell("echo out; echo err >&2; exit 3");
  const Ending ended = ending(spec);
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.stdout_bytes, 4U);
  EXPECT_EQ(sink.starts.size(), 1U);
  EXPECT_EQ(log(spec.run)->bytes, "out\n");
  EXPECT_EQ(log(spec.run, 0, 100, Stream::err)->bytes, "err\n");
  EXPECT_TRUE(forget(spec.run));
  EXPECT_FALSE(fs::exists(folder(spec.run)));
  EXPECT_EQ(*attach(spec.run), RunState::absent);
}

TEST_F(LinkTest, ExitStatus137IsNoSignal) {
  EXPECT_EQ(ending(shell("exit 137")).code, 137);
  sink = Recorder();
  auto spec = task({"sh", "-c", "kill -9 $$"}, "e2.1");
  const Ending killed = ending(spec);
  EXPECT_EQ(killed.signal, SIGKILL);
  EXPECT_FALSE(killed.code);
}

TEST_F(LinkTest, NothingInASpecIsRunAsCode) {
  const fs::path trap = base / "trap";
  const std::string code = "'; touch " + trap.string() + "; $(touch " + trap.string() + ") `touch " +
                           trap.string() + "` \"\n touch " + trap.string() + "\n\\0047";
  RunSpec spec = task({"printf", "%s", code});
  spec.nonce = code;
  spec.execution = code;
  spec.task.environment.push_back("TRAP=" + code);
  spec.task.environment.push_back("BASH_ENV=" + code);
  EXPECT_EQ(ending(spec).code, 0);
  EXPECT_EQ(log(spec.run)->bytes, code);
  EXPECT_FALSE(fs::exists(trap));
}

TEST_F(LinkTest, TheSameNonceStartsOnceAndAnotherOneNot) {
  const auto spec = shell("echo x >> " + (base / "count").string());
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until_final());
  sink = Recorder();
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.size(), 1U) << "its events come as if it were new";
  EXPECT_EQ(contents(base / "count"), "x\n");
  auto other = spec;
  other.nonce = "n2";
  const auto refused = start(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::resource_conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("node worker: "));
}

TEST_F(LinkTest, APreparedRunIsCompletedByItsNonce) {
  const auto spec = shell("true");
  ASSERT_TRUE(wait<void>([&](Link& l, Done<> done) { l.prepare(spec, std::move(done)); }));
  EXPECT_TRUE(fs::is_directory(folder(spec.run) / "work"));
  EXPECT_FALSE(fs::exists(folder(spec.run) / "go"));
  EXPECT_EQ(ending(spec).code, 0);
}

TEST_F(LinkTest, AttachAfterARestartRepeatsEverything) {
  const auto spec = shell("sleep 1; echo done");
  ASSERT_TRUE(start(spec));
  reopen();
  EXPECT_EQ(*attach(spec.run), RunState::running);
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.starts.size(), 1U);
  EXPECT_EQ(sink.endings.at(0).code, 0);
  reopen();
  EXPECT_EQ(*attach(spec.run), RunState::finished);
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.at(0).code, 0);
}

TEST_F(LinkTest, AttachShutsAGateThatNobodyPassed) {
  const auto spec = shell("touch " + (base / "ran").string());
  ASSERT_TRUE(wait<void>([&](Link& l, Done<> done) { l.prepare(spec, std::move(done)); }));
  EXPECT_EQ(*attach(spec.run), RunState::never_started);
  EXPECT_EQ(contents(folder(spec.run) / "journal"), "shut\n");
  const auto late = start(spec);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::cancelled);
  EXPECT_FALSE(late.error().retryable);
  EXPECT_FALSE(fs::exists(base / "ran"));
  EXPECT_TRUE(forget(spec.run));
}

TEST_F(LinkTest, ABrokenLinkIsNoEvent) {
  const auto spec = shell("sleep 0.7; echo late");
  ASSERT_TRUE(start(spec));
  faults.cut = faults.refused = true;
  ASSERT_TRUE(until([&] { return contents(folder(spec.run) / "journal").ends_with("finished\n"); }));
  EXPECT_EQ(sink.finals, 0);
  faults.refused = false;
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.lost_because, "");
  EXPECT_EQ(sink.endings.at(0).code, 0);
  EXPECT_GE(faults.connects, 2);
}

TEST_F(LinkTest, ADeadShimIsALostRunAndNothingIsLeft) {
  const auto spec = shell("setsid sh -c 'echo $$ > " + (base / "away").string() + "; sleep 60' & sleep 60");
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until([&] { return !contents(base / "away").empty() && !sink.starts.empty(); }));
  const auto away = rd::process_facts(std::stoi(contents(base / "away")));
  ASSERT_TRUE(away);
  EXPECT_EQ(forget(spec.run).error().code, Code::resource_conflict);
  ::kill(shim(spec.run).pid, SIGKILL);
  ASSERT_TRUE(until_final());
  EXPECT_THAT(sink.lost_because, HasSubstr("shim ended"));
  EXPECT_FALSE(lives(sink.starts.at(0)));
  EXPECT_FALSE(lives(away->id));
  EXPECT_TRUE(forget(spec.run));
}

TEST_F(LinkTest, SignalsGoToTheGroup) {
  const auto spec = shell("trap 'exit 5' USR1; sleep 60 & wait");
  EXPECT_EQ(signal(spec.run, SIGUSR1).error().code, Code::not_found);
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until([&] { return !sink.starts.empty(); }));
  host.run_until([] { return false; }, std::chrono::milliseconds(200));  // the trap has to be set
  ASSERT_TRUE(signal(spec.run, SIGUSR1));
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.at(0).code, 5);
  EXPECT_EQ(signal(spec.run, SIGUSR1).error().code, Code::not_found);
}

TEST_F(LinkTest, CancelEndsWithTheSignal) {
  const auto spec = shell("sleep 60");
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(cancel(spec.run));
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.at(0).signal, SIGTERM);
  EXPECT_EQ(cancel({"head", "none.1"}).error().code, Code::not_found);
}

TEST_F(LinkTest, AnArrayEndsElementByElement) {
  RunSpec spec = shell("echo $GRID_EXECUTION; exit ${GRID_EXECUTION#e1.}");
  spec.array = true;
  spec.slots = 2;
  spec.elements.clear();
  for (std::uint32_t i = 0; i < 12; ++i) spec.elements.push_back({i, 1});
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until_final());
  ASSERT_EQ(sink.endings.size(), 12U);
  for (const auto& [element, ended] : sink.endings) EXPECT_EQ(ended.code, static_cast<int>(element));
}

TEST_F(LinkTest, LogsAreReadByOffsetWhileTheyGrow) {
  std::mt19937 random(3);
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>(random());
  std::ofstream(base / "text", std::ios::binary) << bytes;
  const auto spec = shell("cat " + (base / "text").string() + "; until [ -e " + (base / "go").string() +
                          " ]; do sleep 0.05; done");
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until([&] { return log(spec.run, 0, 1)->size == bytes.size(); }));
  for (const std::uint64_t offset : {0U, 1U, 4095U, 4096U, 4097U, 100'000U, 299'999U, 300'000U, 300'001U}) {
    const auto chunk = log(spec.run, offset, 5000);
    ASSERT_TRUE(chunk) << chunk.error().message;
    EXPECT_EQ(chunk->bytes, offset < bytes.size() ? bytes.substr(offset, 5000) : "") << offset;
    EXPECT_EQ(chunk->offset, offset);
    EXPECT_FALSE(chunk->final);
  }
  std::ofstream(base / "go") << "";
  ASSERT_TRUE(until_final());
  const auto whole = log(spec.run);
  EXPECT_TRUE(whole->bytes == bytes);
  EXPECT_TRUE(whole->final);
  EXPECT_EQ(log({"head", "none.1"}).error().code, Code::not_found);
}

TEST_F(LinkTest, ARunRootThatIsNotOursAloneIsRefused) {
  const auto refused = [&](const std::string& part) {
    const auto result = start(shell("true"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::policy_denied);
    EXPECT_THAT(result.error().message, HasSubstr(part));
    EXPECT_NE(result.error().hint, "");
  };
  fs::create_directory(root);
  fs::permissions(root, fs::perms(0755));
  refused("open to others");
  fs::remove(root);
  fs::create_directory_symlink(base, root);
  refused("is a symbolic link");
  fs::remove(root);
  std::ofstream(root) << "";
  refused("is not a folder");
  fs::remove(root);
  fs::create_directory(root);
  fs::permissions(root, fs::perms(0700));
  if (::geteuid() != 0) return;  // only root can give a folder away
  ASSERT_EQ(::chown(root.c_str(), 12345, 12345), 0);
  refused("belongs to somebody else");
}

TEST_F(LinkTest, WhatIsNoNameIsNoPath) {
  auto spec = shell("true");
  spec.run.name = "../x";
  EXPECT_EQ(start(spec).error().code, Code::usage);
  EXPECT_EQ(attach({"..", "x"}).error().code, Code::usage);
  EXPECT_EQ(faults.connects, 0);
}

TEST_F(LinkTest, OneChannelIsEnough) {
  faults.most_channels = 1;
  const auto spec = shell("sleep 0.3; exit 4");
  EXPECT_EQ(ending(spec).code, 4);
  EXPECT_EQ(faults.opens - faults.connects, 0) << "its only channel serves everything";
}

TEST_F(LinkTest, FilesGoInAndComeOut) {
  RunSpec spec = shell("cat in/a > b");
  spec.work_folder = true;
  std::ofstream(base / "a") << "content";
  ASSERT_TRUE(wait<void>([&](Link& l, Done<> done) { l.prepare(spec, std::move(done)); }));
  const auto put = wait<void>([&](Link& l, Done<> done) {
    l.put(spec.run, {{base / "a", "in/a"}}, nullptr, std::move(done));
  });
  ASSERT_TRUE(put) << put.error().message;
  ASSERT_EQ(ending(spec).code, 0);
  const auto got = wait<void>([&](Link& l, Done<> done) {
    l.get(spec.run, {{"b", base / "b"}}, nullptr, std::move(done));
  });
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(contents(base / "b"), "content");
  const auto list = wait<std::vector<FileFact>>(
      [&](Link& l, Done<std::vector<FileFact>> done) { l.list(spec.run, std::move(done)); });
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->size(), 2U);
}

// The essentials, however the host is.
class LinkManner : public LinkTest, public ::testing::WithParamInterface<Manner> {
 protected:
  void SetUp() override {
    if (const auto why = take_manner(faults, GetParam(), base / "bin"); !why.empty()) GTEST_SKIP() << why;
  }
};

TEST_P(LinkManner, RunsFollowsLogsAndForgets) {
  std::mt19937 random(4);
  RunSpec spec = task({"/usr/bin/printf", "%s\\n"});
  std::string expected;
  while (spec.task.argv.size() < 202) {
    std::string argument;
    for (auto left = random() % 40; left > 0; --left) argument += static_cast<char>(1 + random() % 255);
    expected += argument + "\n";
    spec.task.argv.push_back(std::move(argument));
  }
  EXPECT_EQ(ending(spec).code, 0);
  const auto chunk = log(spec.run);
  ASSERT_TRUE(chunk) << chunk.error().message;
  EXPECT_TRUE(chunk->bytes == expected) << "200 arguments arrive exactly";
  EXPECT_TRUE(chunk->final);
  EXPECT_EQ(log(spec.run, 5, 7)->bytes, expected.substr(5, 7));
  EXPECT_TRUE(forget(spec.run));

  sink = Recorder();
  RunSpec other = task({"/bin/sleep", "60"}, "e2.1");
  ASSERT_TRUE(start(other));
  ASSERT_TRUE(until([&] { return !sink.starts.empty(); }));
  reopen();
  EXPECT_EQ(*attach(other.run), RunState::running);
  ASSERT_TRUE(until([&] { return !sink.starts.empty(); }));
  ASSERT_TRUE(signal(other.run, SIGTERM));
  ASSERT_TRUE(until_final());
  EXPECT_EQ(sink.endings.at(0).signal, SIGTERM);

  sink = Recorder();
  RunSpec third = task({"/bin/sleep", "60"}, "e3.1");
  ASSERT_TRUE(start(third));
  ::kill(shim(third.run).pid, SIGKILL);
  ASSERT_TRUE(until_final());
  EXPECT_NE(sink.lost_because, "");
  EXPECT_TRUE(forget(third.run));
  EXPECT_EQ(*attach(third.run), RunState::absent);
}

INSTANTIATE_TEST_SUITE_P(Shells, LinkManner, ::testing::ValuesIn(manners()),
                         [](const auto& manner) { return manner.param.name; });

}  // namespace
}  // namespace grid::ssh::testing
