// Both clients against both servers: connections, channels, and how they end.
#include "wire.hpp"

#include <gtest/gtest.h>

#include "server.hpp"
#include "wires.hpp"

namespace grid::ssh {
namespace {

using namespace testing;

// Waits until a channel has something or `deadline`; reads all of it.
struct Reader {
  Wire& wire;
  Channel& channel;
  std::string out = {};
  std::string err = {};

  Result<> until(const std::function<bool()>& done, Clock::time_point deadline) {
    while (!done()) {
      const auto any = channel.read(out, err);
      if (!any) return fail(any.error());
      if (*any || done()) continue;
      if (channel.ended()) return fail(Code::not_found, "ended");
      if (Clock::now() >= deadline) return fail(Code::timed_out, "nothing came");
      std::vector<pollfd> set;
      wire.poll_set(set, false);
      ::poll(set.data(), set.size(), poll_ms(deadline));
    }
    return {};
  }
  Result<> to_the_end(Clock::time_point deadline = in(20s)) {
    return until([this] { return channel.ended(); }, deadline);
  }
};

void write_all(Wire& wire, Channel& channel, std::string_view bytes, Reader& reader) {
  const auto deadline = in(30s);
  while (!bytes.empty() && Clock::now() < deadline) {
    const auto sent = channel.write(bytes);
    ASSERT_TRUE(sent) << sent.error().message;
    bytes.remove_prefix(*sent);
    const auto any = channel.read(reader.out, reader.err);
    ASSERT_TRUE(any) << any.error().message;
    if (*sent > 0 || *any) continue;
    std::vector<pollfd> set;
    wire.poll_set(set, true);
    ::poll(set.data(), set.size(), poll_ms(deadline));
  }
  ASSERT_TRUE(bytes.empty()) << bytes.size() << " bytes did not go";
}

struct Case {
  Client client;
  Kind kind;
};

class WireTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (const std::string why = missing(GetParam().kind); !why.empty()) GTEST_SKIP() << why;
  }
  World& world(Server::Options options = {}) {
    options.kind = GetParam().kind;
    world_ = std::make_unique<World>(std::move(options));
    return *world_;
  }
  std::unique_ptr<Wire> wire(const std::string& address = "node") const {
    return make_wire(GetParam().client, address, world_->setup());
  }
  std::unique_ptr<Wire> connected() {
    if (!world_) world();
    auto made = wire();
    const auto result = made->connect(in(20s), never);
    EXPECT_TRUE(result) << result.error().message << "\n" << world_->server().log();
    return made;
  }
  [[nodiscard]] bool libssh2() const { return GetParam().client == Client::libssh2; }

  std::unique_ptr<World> world_;
};

TEST_P(WireTest, EchoesThroughAChannel) {
  const auto wire = connected();
  EXPECT_NE(wire->login().find("SHA256:"), std::string::npos) << wire->login();
  const auto channel = wire->open("cat", in(10s), never);
  ASSERT_TRUE(channel) << channel.error().message;
  Reader reader{*wire, **channel};
  for (const std::string word : {"one\n", "two\n"}) {
    write_all(*wire, **channel, word, reader);
    ASSERT_TRUE(reader.until([&] { return reader.out.ends_with(word); }, in(10s)));
  }
  EXPECT_EQ(reader.out, "one\ntwo\n");
  EXPECT_FALSE((*channel)->ended());
  EXPECT_TRUE(wire->alive());
}

TEST_P(WireTest, BothStreamsArriveAndTheEndIsSeen) {
  const auto wire = connected();
  const auto channel = wire->open("echo out; echo err >&2; exit 3", in(10s), never);
  ASSERT_TRUE(channel);
  Reader reader{*wire, **channel};
  ASSERT_TRUE(reader.to_the_end());
  EXPECT_EQ(reader.out, "out\n");
  EXPECT_EQ(reader.err, "err\n");
}

// The exit status that ssh itself uses for a broken connection is an end like any other.
TEST_P(WireTest, ExitStatus255IsAnEnd) {
  const auto wire = connected();
  for (const char* command : {"exit 255", "kill -9 $$"}) {
    const auto channel = wire->open(command, in(10s), never);
    ASSERT_TRUE(channel);
    Reader reader{*wire, **channel};
    EXPECT_TRUE(reader.to_the_end()) << command;
  }
  EXPECT_TRUE(wire->alive());
}

TEST_P(WireTest, ManyBytesOnStandardErrorDoNotHang) {
  const auto wire = connected();
  const auto channel = wire->open("head -c 6000000 /dev/zero >&2", in(10s), never);
  ASSERT_TRUE(channel);
  Reader reader{*wire, **channel};
  ASSERT_TRUE(reader.to_the_end());
  EXPECT_EQ(reader.err.size(), 6'000'000U);
  EXPECT_EQ(reader.out, "");
}

TEST_P(WireTest, MegabytesGoThereAndBack) {
  const auto wire = connected();
  const auto channel = wire->open("cat", in(10s), never);
  ASSERT_TRUE(channel);
  Reader reader{*wire, **channel};
  std::string bytes(5'000'000, '\0');
  std::uint32_t state = 1;
  for (char& each : bytes) each = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
  ASSERT_NO_FATAL_FAILURE(write_all(*wire, **channel, bytes, reader));
  ASSERT_TRUE(reader.until([&] { return reader.out.size() >= bytes.size(); }, in(20s)));
  EXPECT_TRUE(reader.out == bytes);
}

// A host that stands still until every buffer on the way is full: packets go in parts, and what other
// channels do meanwhile must not break them.
TEST_P(WireTest, SeveralChannelsShareAFullPipe) {
  const auto wire = connected();
  constexpr std::size_t count = 8;
  const std::string bytes(2'200'000, 'x');
  std::vector<std::unique_ptr<Channel>> channels;
  std::vector<std::string> out(count);
  std::vector<std::string_view> left(count, bytes);
  std::string err;
  for (std::size_t i = 0; i < count; ++i) {
    auto channel = wire->open("cat", in(10s), never);
    ASSERT_TRUE(channel) << channel.error().message;
    channels.push_back(std::move(*channel));
  }
  const auto complete = [&] {
    return std::all_of(out.begin(), out.end(),
                       [&](const std::string& each) { return each.size() >= bytes.size(); });
  };
  world_->server().signal(SIGSTOP);
  auto thaw = in(700ms);
  for (const auto until = in(30s); !complete() && Clock::now() < until;) {
    if (Clock::now() >= thaw) {
      world_->server().signal(SIGCONT);
      thaw = until;
    }
    bool writing = false;
    for (std::size_t i = 0; i < count; ++i) {
      const auto sent = channels[i]->write(left[i]);
      ASSERT_TRUE(sent) << sent.error().message;
      left[i].remove_prefix(*sent);
      writing = writing || !left[i].empty();
      const auto any = channels[i]->read(out[i], err);
      ASSERT_TRUE(any) << any.error().message;
    }
    std::vector<pollfd> set;
    wire->poll_set(set, writing);
    ::poll(set.data(), set.size(), poll_ms(std::min(until, thaw)));
  }
  world_->server().signal(SIGCONT);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_TRUE(left[i].empty());
    EXPECT_TRUE(out[i] == bytes) << out[i].size();
  }
}

// A channel whose far end reads nothing takes what its window holds, and is no reason to wake up for.
TEST_P(WireTest, AFullWindowDoesNotSpinNorStopTheOthers) {
  const auto wire = connected();
  const auto stuck = wire->open("exec sleep 60", in(10s), never);
  ASSERT_TRUE(stuck);
  const std::string bytes(1U << 20U, 'x');
  std::size_t taken = 0;
  for (const auto until = in(10s); Clock::now() < until;) {
    const auto sent = (*stuck)->write(bytes);
    ASSERT_TRUE(sent);
    taken += *sent;
    if (*sent > 0) continue;
    std::vector<pollfd> set;
    wire->poll_set(set, true);
    if (::poll(set.data(), set.size(), 300) == 0) break;
    std::string none;
    ASSERT_TRUE((*stuck)->read(none, none));
  }
  EXPECT_GT(taken, 10'000U);
  EXPECT_LT(taken, 64U << 20U);
  std::vector<pollfd> set;
  wire->poll_set(set, true);
  EXPECT_EQ(::poll(set.data(), set.size(), 200), 0);
  const auto other = wire->open("echo fine", in(10s), never);
  ASSERT_TRUE(other) << other.error().message;
  Reader reader{*wire, **other};
  ASSERT_TRUE(reader.to_the_end());
  EXPECT_EQ(reader.out, "fine\n");
}

TEST_P(WireTest, EightChannelsAtOnceDoNotMixUp) {
  const auto wire = connected();
  std::vector<std::unique_ptr<Channel>> channels;
  std::vector<std::string> out(8);
  std::string err;
  for (int i = 0; i < 8; ++i) {
    auto channel = wire->open("cat", in(10s), never);
    ASSERT_TRUE(channel) << channel.error().message;
    channels.push_back(std::move(*channel));
  }
  for (std::size_t i = 0; i < 8; ++i)
    ASSERT_EQ(channels[i]->write(std::string(1000, static_cast<char>('a' + i))).value_or(0), 1000U);
  const auto complete = [&] {
    return std::all_of(out.begin(), out.end(), [](const std::string& each) { return each.size() == 1000; });
  };
  for (const auto until = in(10s); !complete() && Clock::now() < until;) {
    std::vector<pollfd> set;
    wire->poll_set(set, false);
    ::poll(set.data(), set.size(), poll_ms(until));
    for (std::size_t i = 0; i < 8; ++i) ASSERT_TRUE(channels[i]->read(out[i], err));
  }
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(out[i], std::string(1000, static_cast<char>('a' + i)));
}

TEST_P(WireTest, OneChannelMoreThanTheHostAllowsIsAConflict) {
  if (GetParam().kind == Kind::dropbear) GTEST_SKIP() << "dropbear has no such limit";
  const auto wire = connected();
  std::vector<std::unique_ptr<Channel>> channels;
  for (int i = 0; i < 10; ++i) {
    auto channel = wire->open("cat", in(10s), never);
    ASSERT_TRUE(channel) << i << ": " << channel.error().message;
    channels.push_back(std::move(*channel));
  }
  const auto refused = wire->open("cat", in(10s), never);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::resource_conflict) << refused.error().message;
  EXPECT_NE(refused.error().hint.find("MaxSessions"), std::string::npos);
  channels.pop_back();
  // The host needs a moment to see that one is free again.
  Result<std::unique_ptr<Channel>> again;
  for (const auto until = in(10s); !again && Clock::now() < until; std::this_thread::sleep_for(10ms))
    again = wire->open("cat", in(10s), never);
  EXPECT_TRUE(again) << again.error().message;
}

TEST_P(WireTest, AServerKilledMidwayIsAnErrorNeverAnEnd) {
  const auto wire = connected();
  const auto channel = wire->open("echo begun; cat", in(10s), never);
  ASSERT_TRUE(channel);
  const auto idle = wire->open("cat", in(10s), never);
  ASSERT_TRUE(idle);
  Reader reader{*wire, **channel};
  ASSERT_TRUE(reader.until([&] { return reader.out == "begun\n"; }, in(10s)));
  world_->server().kill();
  const auto result = reader.to_the_end(in(10s));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::node_unreachable) << result.error().message;
  EXPECT_TRUE(result.error().retryable);
  EXPECT_FALSE((*channel)->ended());
  Reader other{*wire, **idle};
  EXPECT_EQ(other.to_the_end(in(10s)).error().code, Code::node_unreachable);
  EXPECT_FALSE((*idle)->ended());
  for (const auto until = in(5s); wire->alive() && Clock::now() < until;) std::this_thread::sleep_for(5ms);
  ASSERT_FALSE(wire->alive());
  EXPECT_EQ(wire->alive().error().code, Code::node_unreachable);
  EXPECT_FALSE(wire->open("cat", in(2s), never));
}

TEST_P(WireTest, AnIdleWireNoticesTheEndOfTheServer) {
  const auto wire = connected();
  EXPECT_TRUE(wire->alive());
  std::vector<pollfd> set;
  wire->poll_set(set, false);
  EXPECT_EQ(::poll(set.data(), set.size(), 100), 0) << "something to read that nobody reads";
  world_->server().kill();
  set.clear();
  wire->poll_set(set, false);
  EXPECT_GT(::poll(set.data(), set.size(), 5'000), 0);
  for (const auto until = in(5s); wire->alive() && Clock::now() < until;) std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(wire->alive());
}

TEST_P(WireTest, AClosedChannelEndsItsCommandAndOthersGoOn) {
  const auto wire = connected();
  const fs::path mark = world_->folder() / "ended";
  auto closed = wire->open("cat; echo > '" + mark.string() + "'", in(10s), never);
  ASSERT_TRUE(closed);
  closed->reset();
  const auto channel = wire->open("echo still here", in(10s), never);
  ASSERT_TRUE(channel);
  Reader reader{*wire, **channel};
  ASSERT_TRUE(reader.to_the_end());
  EXPECT_EQ(reader.out, "still here\n");
  for (const auto until = in(5s); !fs::exists(mark) && Clock::now() < until;)
    std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(fs::exists(mark));
}

TEST_P(WireTest, ChannelsMayOutliveTheWire) {
  auto wire = connected();
  const auto channel = wire->open("cat", in(10s), never);
  ASSERT_TRUE(channel);
  wire.reset();
  std::string out;
  EXPECT_FALSE((*channel)->write("x"));
  EXPECT_FALSE((*channel)->read(out, out));
  EXPECT_FALSE((*channel)->ended());
}

TEST_P(WireTest, NothingIsLeftRunning) {
  auto wire = connected();
  ASSERT_TRUE(wire->open("sleep 60", in(10s), never));
  const auto before = family(::getpid());
  wire.reset();
  for (const pid_t pid : before) {
    const std::string line = read_file("/proc/" + std::to_string(pid) + "/cmdline");
    if (pid != ::getpid()) {
      EXPECT_EQ(line.find(world_->setup().ssh_config), std::string::npos) << "still runs: " << line;
    }
  }
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  return std::string(info.param.client == Client::libssh2 ? "libssh2" : "ssh") + "_to_" +
         name_of(info.param.kind);
}

INSTANTIATE_TEST_SUITE_P(All, WireTest,
                         ::testing::Values(Case{Client::libssh2, Kind::openssh},
                                           Case{Client::libssh2, Kind::dropbear},
                                           Case{Client::openssh, Kind::openssh},
                                           Case{Client::openssh, Kind::dropbear}),
                         case_name);

}  // namespace
}  // namespace grid::ssh
