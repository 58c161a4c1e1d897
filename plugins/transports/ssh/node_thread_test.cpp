// The server script behind real shells, and the node's thread with connections that fail.
#include "node_thread.hpp"

#include <gtest/gtest.h>

#include <random>

#include "testing.hpp"

namespace grid::ssh::testing {
namespace {

using std::chrono::milliseconds;

// Verbs of these tests only.
constexpr std::string_view verbs =
    "do_args() { printf '%s\\n' \"$#\"; for w in \"$@\"; do printf '%s,' \"$w\"; done; }\n"
    "do_body() { cat; }\n"
    "do_part() { head -c 3; }\n"
    "do_input() { cat; echo end; }\n"
    "do_fail() { echo complaint >&2; echo output; exit 7; }\n"
    "do_sleep() { sleep \"$1\"; }\n"
    "do_die() { kill -9 $$; }\n"
    "do_flood() { dd if=/dev/zero bs=65536 count=92 2>/dev/null >&2; }\n"
    "do_listen() { echo ready; read -r line; }\n";

class NodeThreadTest : public ::testing::Test {
 protected:
  void open() {
    settings.node = "worker";
    settings.script = server_script_with(verbs);
    thread = std::make_unique<NodeThread>(host, settings,
                                          [this] { return std::make_unique<ProcessWire>(faults); });
  }
  Result<Answer> ask(Request request, milliseconds limit = milliseconds(10'000)) {
    if (!thread) open();
    std::optional<Result<Answer>> answer;
    thread->ask(std::move(request), [&answer](Result<Answer> result) {
      EXPECT_FALSE(answer) << "answered twice";
      answer = std::move(result);
    });
    EXPECT_FALSE(answer) << "answered from inside the call";
    EXPECT_TRUE(host.run_until([&] { return answer.has_value(); }, limit));
    return answer ? *answer : Result<Answer>(fail(Code::internal, "no answer"));
  }
  Result<Answer> ask(std::string verb, std::vector<std::string> arguments = {}, std::string body = {}) {
    Request request;
    request.verb = std::move(verb);
    request.arguments = std::move(arguments);
    request.body = std::move(body);
    return ask(std::move(request));
  }
  static Request slow(const std::string& seconds, milliseconds deadline) {
    Request request;
    request.verb = "sleep";
    request.arguments = {seconds};
    request.deadline = deadline;
    return request;
  }

  Faults faults;
  NodeSettings settings;
  testkit::LoopHost host;
  std::unique_ptr<NodeThread> thread;
};

std::string random_bytes(std::mt19937& random, std::size_t size, bool nul) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i)
    bytes += static_cast<char>(random() % (nul ? 256U : 255U) + (nul ? 0U : 1U));
  return bytes;
}

class LoginShell : public NodeThreadTest, public ::testing::WithParamInterface<Manner> {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "grid-shell-XXXXXX";
    folder = ::mkdtemp(name.data());
    if (const auto why = take_manner(faults, GetParam(), folder / "bin"); !why.empty()) GTEST_SKIP() << why;
  }
  void TearDown() override {
    thread.reset();
    fs::remove_all(folder);
  }
  fs::path folder;
};

TEST_P(LoginShell, ArgumentsArriveExactly) {
  std::mt19937 random(1);
  std::vector<std::string> arguments{"",  " ",  "\n",     "a\n\n", "$(touch x)", "'\"`\\",
                                     "*", "-n", "\\0101", "%s",    "="};
  while (arguments.size() < 200) arguments.push_back(random_bytes(random, random() % 60, false));
  std::string expected = "200\n";
  for (const auto& argument : arguments) expected += argument + ",";
  const auto answer = ask("args", arguments);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->output, expected);
  EXPECT_EQ(answer->status, 0);
  EXPECT_EQ(answer->complaint, "");
}

TEST_P(LoginShell, BodiesAreTakenExactly) {
  std::mt19937 random(2);
  for (const std::size_t size : {1U, 4095U, 131072U, 131073U, 1000001U}) {
    const std::string body = random_bytes(random, size, true);
    const auto answer = ask("body", {}, body);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(answer->output == body) << size;
    const auto part = ask("part", {}, body);  // a verb that leaves its body lying about
    ASSERT_TRUE(part);
    EXPECT_EQ(part->output, body.substr(0, 3));
  }
  EXPECT_EQ(ask("input")->output, "end\n") << "no verb eats the next request";
  EXPECT_EQ(faults.opens, 1);
}

TEST_P(LoginShell, StatusComplaintAndFlood) {
  const auto failed = ask("fail");
  ASSERT_TRUE(failed) << failed.error().message;
  EXPECT_EQ(failed->status, 7);
  EXPECT_EQ(failed->output, "output\n");
  EXPECT_EQ(failed->complaint, "complaint\n");
  EXPECT_EQ(ask("nothing_like_it")->status, 127);
  EXPECT_EQ(ask("flood")->status, 0) << "6 MB on standard error hold up nothing";
}

TEST_P(LoginShell, NoiseOfProfileIsSkipped) {
  faults.before = "echo Welcome; echo 'grid1 x y any 5'; printf '\\036'; echo warning >&2; sleep 0.3";
  const auto answer = ask("args", {"a"});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->output, "1\na,");
  EXPECT_EQ(answer->complaint, "");
  const LoginFacts login = thread->login();
  EXPECT_EQ(login.noise_bytes, 33U);
  EXPECT_GE(login.took, milliseconds(300));
}

INSTANTIATE_TEST_SUITE_P(Shells, LoginShell, ::testing::ValuesIn(manners()),
                         [](const auto& manner) { return manner.param.name; });

TEST_F(NodeThreadTest, NothingIsDoneBeforeTheFirstRequest) {
  open();
  EXPECT_FALSE(host.run_until([&] { return faults.connects > 0; }, milliseconds(50)));
  EXPECT_TRUE(ask("beat"));
  EXPECT_EQ(faults.connects, 1);
}

TEST_F(NodeThreadTest, AChannelCostsOneRoundTrip) {
  // The far end's first word comes late: whatever waited for it would be a write of its own.
  faults.before = "sleep 0.3";
  ASSERT_TRUE(ask("beat"));
  EXPECT_EQ(faults.writes_unheard, faults.writes) << "script and request go without waiting for an answer";
  EXPECT_LE(faults.writes, 2);
}

TEST_F(NodeThreadTest, RequestsRunSideBySideOnAsManyChannelsAsAllowed) {
  settings.channels = 4;
  open();
  int answered = 0;
  const auto begin = Clock::now();
  for (int i = 0; i < 8; ++i)
    thread->ask(slow("0.3", milliseconds(10'000)), [&](Result<Answer> r) { answered += r ? 1 : 0; });
  ASSERT_TRUE(host.run_until([&] { return answered == 8; }));
  EXPECT_EQ(faults.opens, 4);
  EXPECT_LT(Clock::now() - begin, milliseconds(1500));
}

TEST_F(NodeThreadTest, AHostThatAllowsFewerChannels) {
  faults.most_channels = 1;
  open();
  int answered = 0;
  for (int i = 0; i < 3; ++i)
    thread->ask(slow("0.1", milliseconds(10'000)), [&](Result<Answer> r) { answered += r ? 1 : 0; });
  ASSERT_TRUE(host.run_until([&] { return answered == 3; }));
  EXPECT_EQ(faults.opens, 1);
  Request listen;
  listen.verb = "listen";
  std::optional<Result<Answer>> ended;
  thread->ask_open_ended(std::move(listen), [&](Result<Answer> result) { ended = std::move(result); });
  ASSERT_TRUE(host.run_until([&] { return ended.has_value(); }));
  EXPECT_EQ(ended->error().code, Code::resource_conflict) << "the only channel is not held for ever";
  EXPECT_TRUE(ask("beat"));
}

TEST_F(NodeThreadTest, AnOpenEndedRequestIsHungUp) {
  open();
  std::string heard;
  std::mutex mutex;
  Request listen;
  listen.verb = "listen";
  listen.deadline = milliseconds(100);
  listen.output = [&](std::string_view bytes) -> Result<> {
    const std::lock_guard lock(mutex);
    heard += bytes;
    return {};
  };
  bool ended = false;
  const auto id = thread->ask_open_ended(std::move(listen), [&](Result<Answer>) { ended = true; });
  ASSERT_TRUE(host.run_until([&] {
    const std::lock_guard lock(mutex);
    return heard == "ready\n";
  }));
  EXPECT_FALSE(host.run_until([&] { return ended; }, milliseconds(200))) << "it has no deadline";
  EXPECT_TRUE(ask("beat"));
  thread->hang_up(id);
  EXPECT_TRUE(ask("beat"));
  EXPECT_FALSE(ended);
  thread->stop();  // the far end has to go by itself: its channel fails the test otherwise
}

TEST_F(NodeThreadTest, ADeadlineEndsTheRequestAndNothingElse) {
  const auto late = ask(slow("1", milliseconds(150)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timed_out);
  EXPECT_TRUE(late.error().retryable);
  EXPECT_NE(late.error().message.find("node worker"), std::string::npos);
  EXPECT_TRUE(ask("beat"));
  EXPECT_EQ(faults.connects, 1);
}

TEST_F(NodeThreadTest, AFarEndKilledInARequestFailsThatOne) {
  ASSERT_TRUE(ask("beat"));
  const auto died = ask("die");
  ASSERT_FALSE(died);
  EXPECT_EQ(died.error().code, Code::node_unreachable);
  EXPECT_TRUE(died.error().retryable);
  EXPECT_TRUE(ask("beat"));
  EXPECT_EQ(faults.connects, 1) << "the connection is good";
}

TEST_F(NodeThreadTest, ACutFailsWhatIsInFlightAndIsMended) {
  settings.beat_after = milliseconds(1000);
  open();
  std::vector<Result<Answer>> answers;
  for (int i = 0; i < 3; ++i)
    thread->ask(slow("1.5", milliseconds(10'000)),
                [&](Result<Answer> r) { answers.push_back(std::move(r)); });
  ASSERT_TRUE(host.run_until([&] { return faults.opens == 3; }));
  faults.cut = true;
  ASSERT_TRUE(host.run_until([&] { return answers.size() == 3; }));
  for (const auto& answer : answers) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::node_unreachable);
    EXPECT_TRUE(answer.error().retryable);
  }
  EXPECT_TRUE(ask("beat")) << "at once: the connection had been good";
  EXPECT_EQ(faults.connects, 2);
}

TEST_F(NodeThreadTest, SilentDeathIsNoticed) {
  settings.beat_after = milliseconds(200);
  open();
  ASSERT_TRUE(ask("beat"));
  std::optional<Result<Answer>> answer;
  thread->ask(slow("0.2", milliseconds(60'000)), [&](Result<Answer> r) { answer = std::move(r); });
  int others = 0;
  thread->ask(slow("0", milliseconds(60'000)), [&](Result<Answer> r) { others += r ? 1 : 0; });
  ASSERT_TRUE(host.run_until([&] { return others == 1; }));
  faults.frozen = true;
  ASSERT_TRUE(host.run_until([&] { return answer.has_value(); }));
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().code, Code::node_unreachable);
  faults.frozen = false;
  EXPECT_TRUE(ask("beat"));
}

TEST_F(NodeThreadTest, UnreachableFailsFastAndComesBack) {
  faults.refused = true;
  const auto first = ask("beat");
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Code::node_unreachable);
  EXPECT_TRUE(first.error().retryable);
  EXPECT_EQ(ask("beat").error().message, first.error().message);
  EXPECT_EQ(faults.connects, 1) << "within the pause nothing is tried";
  faults.refused = false;
  EXPECT_TRUE(host.run_until([&] { return ask("beat").has_value(); }, milliseconds(2000)));
}

TEST_F(NodeThreadTest, AWrongKeyIsNotTriedAgainUntilForgiven) {
  faults.not_authentic = true;
  EXPECT_FALSE(ask("beat"));
  faults.not_authentic = false;
  host.run_until([] { return false; }, milliseconds(500));
  const auto again = ask("beat");
  ASSERT_FALSE(again);
  EXPECT_FALSE(again.error().retryable);
  EXPECT_EQ(faults.connects, 1);
  thread->forgive();
  EXPECT_TRUE(ask("beat"));
}

TEST_F(NodeThreadTest, AnotherMachineAnswersNothing) {
  settings.machine = "0123456789abcdef0123456789abcdef";
  const auto answer = ask("body", {}, "x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::node_unreachable);
  EXPECT_NE(answer.error().message.find("another machine answers"), std::string::npos)
      << answer.error().message;
}

TEST_F(NodeThreadTest, ALoginShellThatOnlyTalks) {
  faults.before = "echo 'This account is not available.'; exit 1";
  const auto answer = ask("beat");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::node_unreachable);
  EXPECT_NE(answer.error().message.find("This account is not available."), std::string::npos);
}

TEST_F(NodeThreadTest, PiecesAndOutputStream) {
  std::string got;
  std::uint64_t sent = 0;
  Request request;
  request.verb = "body";
  request.body_bytes = 3'000'000;
  request.next_piece = [&sent](std::size_t most) -> Result<std::string> {
    std::string piece(std::min<std::size_t>(most, 100'000), static_cast<char>('a' + sent % 26));
    sent += piece.size();
    return piece;
  };
  request.output = [&got](std::string_view bytes) -> Result<> {
    got += bytes;
    return {};
  };
  const auto answer = ask(request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(got.size(), 3'000'000U);
  EXPECT_EQ(answer->output, "");
  Request torn = request;
  torn.next_piece = [](std::size_t) -> Result<std::string> {
    return fail(Code::not_found, "the file is gone");
  };
  EXPECT_EQ(ask(torn).error().code, Code::not_found);
  EXPECT_TRUE(ask("beat"));
}

TEST_F(NodeThreadTest, StopsAtOnceAndAnswersNothing) {
  open();
  bool answered = false;
  thread->ask(slow("0.5", milliseconds(10'000)), [&](Result<Answer>) { answered = true; });
  ASSERT_TRUE(host.run_until([&] { return faults.opens == 1; }));
  const auto begin = Clock::now();
  thread->stop();
  EXPECT_LT(Clock::now() - begin, milliseconds(1000));
  EXPECT_FALSE(host.run_until([&] { return answered; }, milliseconds(50)));
}

}  // namespace
}  // namespace grid::ssh::testing
