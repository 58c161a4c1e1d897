// The whole transport, with real servers and both clients.
#include "grid/sdk/plugin.hpp"
#include "link_testing.hpp"
#include "server.hpp"

extern "C" const grid::Descriptor grid_plugin_descriptor;

namespace grid::ssh::testing {
namespace {

using Case = std::tuple<Kind, std::string>;

class SshTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto [kind, client] = GetParam();
    if (const std::string why = missing(kind); !why.empty()) GTEST_SKIP() << why;
    world =
        std::make_unique<World>(Server::Options{.kind = kind, .host_key_types = {"ed25519"}, .config = ""});
    transport.reset(dynamic_cast<Transport*>(grid_plugin_descriptor.make(host)));
    Values values = default_values({grid_plugin_descriptor.options, grid_plugin_descriptor.option_count});
    values.insert_or_assign("client", Value(client));
    values.insert_or_assign("ssh_config", Value(world->setup().ssh_config));
    ASSERT_TRUE(transport->configure(Options(values)));
    ASSERT_TRUE(transport->start());
    NodeAddress node;
    node.name = "worker";
    node.address = "node";
    node.directory = (world->folder() / "runs").string();
    auto opened = transport->open(node, sink);
    ASSERT_TRUE(opened) << opened.error().message;
    link = std::move(*opened);
  }
  void TearDown() override {
    link.reset();
    if (transport) transport->stop();
    transport.reset();
    world.reset();
  }
  template <class T, class Call>
  Result<T> wait(Call call) {
    std::optional<Result<T>> answer;
    call([&answer](Result<T> result) { answer = std::move(result); });
    EXPECT_TRUE(host.run_until([&] { return answer.has_value(); }, std::chrono::seconds(30)));
    return answer ? *answer : Result<T>(fail(Code::internal, "no answer"));
  }
  static RunSpec task(const std::string& script, const std::string& name) {
    RunSpec spec;
    spec.run = {"head", name};
    spec.nonce = "n1";
    spec.execution = "e1";
    spec.elements = {{0, 1}};
    spec.task.argv = {"sh", "-c", script};
    spec.task.cwd = "/";
    spec.task.environment = {"PATH=/usr/bin:/bin"};
    return spec;
  }

  testkit::LoopHost host;
  Recorder sink;
  std::unique_ptr<World> world;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Link> link;
};

TEST_P(SshTest, RunsToItsEndAndTellsHowItEnded) {
  const auto spec = task("echo out; exit 3", "e1.1");
  const auto started = wait<void>([&](Done<> done) { link->start(spec, done); });
  ASSERT_TRUE(started) << started.error().message;
  ASSERT_TRUE(host.run_until([&] { return sink.finals == 1; }, std::chrono::seconds(20)));
  EXPECT_EQ(sink.endings.at(0).code, 3);
  const auto chunk =
      wait<LogChunk>([&](Done<LogChunk> done) { link->read_log(spec.run, 0, Stream::out, 0, 100, done); });
  ASSERT_TRUE(chunk) << chunk.error().message;
  EXPECT_EQ(chunk->bytes, "out\n");
}

TEST_P(SshTest, AKilledConnectionIsNoEventOfTheRun) {
  const auto spec = task("sleep 1.5; exit 5", "e2.1");
  const auto started = wait<void>([&](Done<> done) { link->start(spec, done); });
  ASSERT_TRUE(started) << started.error().message;
  const auto identity = wait<Link::Identity>([&](Done<Link::Identity> done) { link->identify(done); });
  ASSERT_TRUE(identity);
  world->server().restart();
  ASSERT_TRUE(host.run_until([&] { return sink.finals == 1; }, std::chrono::seconds(20)));
  EXPECT_EQ(sink.lost_because, "");
  EXPECT_EQ(sink.endings.at(0).code, 5);
}

TEST_P(SshTest, DiagnoseIsGoodAllTheWay) {
  const auto checks = wait<std::vector<Check>>([&](Done<std::vector<Check>> done) { link->diagnose(done); });
  ASSERT_TRUE(checks) << checks.error().message;
  EXPECT_GE(checks->size(), 10U);
  for (const auto& check : *checks)
    EXPECT_NE(check.state, Check::State::bad) << check.name << ": " << check.text;
}

TEST_P(SshTest, AnUnknownHostKeyIsShownTrustedAndThenGood) {
  world->know("");
  const auto refused = wait<Link::Identity>([&](Done<Link::Identity> done) { link->identify(done); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::host_key_mismatch) << refused.error().message;
  EXPECT_NE(refused.error().message.find("node worker"), std::string::npos);
  const auto keys = wait<HostKeys>([&](Done<HostKeys> done) { transport->host_keys("node", done); });
  ASSERT_TRUE(keys) << keys.error().message;
  ASSERT_FALSE(keys->keys.empty());
  ASSERT_TRUE(wait<void>([&](Done<> done) { transport->trust_host_key("node", keys->keys.front(), done); }));
  const auto identity = wait<Link::Identity>([&](Done<Link::Identity> done) { link->identify(done); });
  EXPECT_TRUE(identity) << "at once: " << (identity ? "" : identity.error().message);
}

INSTANTIATE_TEST_SUITE_P(Clients, SshTest,
                         ::testing::Combine(::testing::Values(Kind::openssh, Kind::dropbear),
                                            ::testing::Values("libssh2", "openssh")),
                         [](const auto& one) {
                           return name_of(std::get<0>(one.param)) + "_by_" + std::get<1>(one.param);
                         });

}  // namespace
}  // namespace grid::ssh::testing
