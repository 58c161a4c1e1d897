// What goes wrong before there is a channel: the same codes and words from both clients.
#include <gtest/gtest.h>

#include "connection_checks.hpp"
#include "host_keys.hpp"
#include "server.hpp"
#include "wires.hpp"

namespace grid::ssh {
namespace {

using namespace testing;

class FailureTest : public ::testing::TestWithParam<Client> {
 protected:
  static Result<> connect(const World& world, std::chrono::milliseconds time = 15s,
                          const std::string& address = "node") {
    return make_wire(GetParam(), address, world.setup())->connect(in(time), never);
  }
  static bool libssh2() { return GetParam() == Client::libssh2; }
};

#define EXPECT_ERROR(result, expected_code, text)                                                  \
  do {                                                                                             \
    const auto& outcome_ = (result);                                                               \
    ASSERT_FALSE(outcome_);                                                                        \
    EXPECT_EQ(outcome_.error().code, expected_code) << outcome_.error().message;                   \
    EXPECT_NE(outcome_.error().message.find(text), std::string::npos) << outcome_.error().message; \
  } while (false)
#define EXPECT_HINT(result, text) \
  EXPECT_NE((result).error().hint.find(text), std::string::npos) << (result).error().hint

TEST_P(FailureTest, AnUnknownHostKeyIsRefusedWithItsFingerprint) {
  World world;
  world.know("");
  const auto result = connect(world);
  EXPECT_ERROR(result, Code::host_key_mismatch,
               "is not known (ssh-ed25519 " + fingerprint_of(world.server().host_key()) + ")");
  EXPECT_HINT(result, "grid node trust NODE");
  EXPECT_EQ(world.server().log().find("userauth-request"), std::string::npos);
  EXPECT_EQ(read_file(world.known_hosts()), "");
}

TEST_P(FailureTest, AChangedHostKeyIsRefusedBeforeAnyAuthentication) {
  World world({.config = "LogLevel DEBUG2"});
  const std::string before = fingerprint_of(world.server().host_key());
  EXPECT_TRUE(connect(world)) << world.server().log();
  EXPECT_NE(world.server().log().find("userauth-request"), std::string::npos);
  world.server().change_host_key();
  const auto result = connect(world);
  EXPECT_ERROR(result, Code::host_key_mismatch, "has changed");
  EXPECT_NE(result.error().message.find(before), std::string::npos);
  EXPECT_NE(result.error().message.find(fingerprint_of(world.server().host_key())), std::string::npos);
  EXPECT_NE(result.error().message.find(world.known_hosts().string() + ":1"), std::string::npos);
  EXPECT_HINT(result, "ssh-keygen -R '" + world.server().name() + "'");
  // The server's own log: the keys were exchanged, and nobody said who they are.
  const std::string log = world.server().log();
  EXPECT_NE(log.find("KEX"), std::string::npos) << log;
  EXPECT_EQ(log.find("userauth-request"), std::string::npos) << log;
}

TEST_P(FailureTest, ARevokedHostKeyIsRefused) {
  World world;
  world.know(world.server().known_line() + "@revoked * " + public_key(world.server().host_key()) + "\n");
  EXPECT_ERROR(connect(world), Code::host_key_mismatch, "is revoked");
}

TEST_P(FailureTest, HashedWildcardAndPlainNamesAreGood) {
  World world;
  const std::string key = public_key(world.server().host_key());
  world.know("[127.0.0.*]:* " + key + "\n");
  EXPECT_TRUE(connect(world));
  world.know("127.0.0.1 " + key + "\n");
  EXPECT_TRUE(connect(world));
  world.know(world.server().known_line());
  run_program({"ssh-keygen", "-q", "-H", "-f", world.known_hosts().string()});
  EXPECT_TRUE(connect(world));
  world.know("[127.0.0.1]:1 " + key + "\n");
  EXPECT_ERROR(connect(world), Code::host_key_mismatch, "is not known");
  world.know("*,!*127.0.0.1* " + key + "\n");
  EXPECT_ERROR(connect(world), Code::host_key_mismatch, "is not known");
}

TEST_P(FailureTest, AKeyTypeOnRecordIsPreferred) {
  World world({.host_key_types = {"ed25519", "ecdsa"}});
  for (const std::string type : {"ed25519", "ecdsa"}) {
    world.know(world.server().known_line(type));
    const auto result = connect(world);
    EXPECT_TRUE(result) << type << ": " << result.error().message;
  }
}

TEST_P(FailureTest, AHostWithOnlyAnRsaKey) {
  World world({.host_key_types = {"rsa"}});
  const auto result = connect(world);
  if (!libssh2()) {
    EXPECT_TRUE(result);
    return;
  }
  EXPECT_ERROR(result, Code::node_unreachable, "in common");
  EXPECT_FALSE(result.error().retryable);
  EXPECT_HINT(result, "client: openssh");
}

TEST_P(FailureTest, AHostWithOnlyMacsThatLibssh2LacksOrNobodyHas) {
  World world({.config = "MACs hmac-sha2-256-etm@openssh.com\nCiphers aes128-ctr"});
  const auto result = connect(world);
  if (libssh2()) {
    EXPECT_ERROR(result, Code::node_unreachable, "in common");
    EXPECT_HINT(result, "client: openssh");
  } else {
    EXPECT_TRUE(result);
  }
}

TEST_P(FailureTest, AWrongKeyIsNotLetIn) {
  World world;
  world.server().allow("");
  const auto result = connect(world);
  EXPECT_ERROR(result, Code::node_unreachable,
               "user '" + user_name() + "' is not let in at node (127.0.0.1:");
  EXPECT_FALSE(result.error().retryable);
  EXPECT_HINT(result, "ssh-copy-id");
}

TEST_P(FailureTest, NoKeyAtAll) {
  World world;
  fs::remove(world.folder() / "id_ed25519");
  fs::remove(world.folder() / "id_ed25519.pub");
  const auto result = connect(world);
  EXPECT_ERROR(result, Code::node_unreachable, "is not let in");
  EXPECT_HINT(result, "there is no key: ssh-keygen");
}

TEST_P(FailureTest, AnEncryptedKeyWithoutAnAgent) {
  World world;
  make_key(world.folder() / "locked", "ed25519", "secret");
  world.server().allow(public_key(world.folder() / "locked") + "\n");
  write_file(world.folder() / "config", "");
  world.configure("IdentityFile " + (world.folder() / "locked").string());
  fs::remove(world.folder() / "id_ed25519");
  fs::remove(world.folder() / "id_ed25519.pub");
  const auto result = connect(world);
  EXPECT_ERROR(result, Code::node_unreachable, "is not let in");
  EXPECT_HINT(result, "ssh-add " + (world.folder() / "locked").string());
}

// The agent holds what the file has only under a passphrase.
TEST_P(FailureTest, TheAgentLetsUsIn) {
  World world;
  const std::string socket = (world.folder() / "agent").string();
  auto agent = Child::start({"ssh-agent", "-D", "-a", socket}, {});
  ASSERT_TRUE(agent);
  for (const auto until = in(5s); !fs::exists(socket) && Clock::now() < until;)
    std::this_thread::sleep_for(5ms);
  make_key(world.folder() / "other", "ecdsa");
  for (const std::string file : {"other", "id_ed25519"})
    run_program({"env", "SSH_AUTH_SOCK=" + socket, "ssh-add", "-q", (world.folder() / file).string()});
  fs::remove(world.folder() / "id_ed25519");
  world.configure("IdentityAgent " + socket);
  auto wire = make_wire(GetParam(), "node", world.setup());
  const auto result = wire->connect(in(15s), never);
  ASSERT_TRUE(result) << result.error().message << result.error().hint;
  EXPECT_NE(wire->login().find(fingerprint_of(world.folder() / "id_ed25519")), std::string::npos)
      << wire->login();
}

TEST_P(FailureTest, AnRsaKeyOfTheUser) {
  World world;
  make_key(world.folder() / "id_rsa", "rsa", "", {"-b", "2048"});
  world.server().allow(public_key(world.folder() / "id_rsa") + "\n");
  fs::remove(world.folder() / "id_ed25519");
  fs::remove(world.folder() / "id_ed25519.pub");
  world.configure("IdentityFile " + (world.folder() / "id_rsa").string());
  const auto result = connect(world);
  if (!libssh2()) {
    EXPECT_TRUE(result);
    return;
  }
  EXPECT_ERROR(result, Code::node_unreachable, "is not let in");
  EXPECT_HINT(result, "client: openssh");
  EXPECT_HINT(result, "ssh-keygen -t ed25519");
}

TEST_P(FailureTest, ARefusedPort) {
  World world;
  world.server().kill();
  const auto result = connect(world);
  EXPECT_ERROR(result, Code::node_unreachable, "refused the connection");
  EXPECT_TRUE(result.error().retryable);
}

TEST_P(FailureTest, ASilentPortMeetsTheDeadline) {
  World world;
  const FakeServer silent;
  world.configure("Port " + std::to_string(silent.port()));
  const auto begun = Clock::now();
  const auto result = connect(world, 1500ms);
  EXPECT_ERROR(result, Code::node_unreachable, "took the connection and then said nothing");
  EXPECT_TRUE(result.error().retryable);
  EXPECT_LT(Clock::now() - begun, 4s);
}

TEST_P(FailureTest, GivingUpIsQuick) {
  World world;
  const FakeServer silent;
  world.configure("Port " + std::to_string(silent.port()));
  Stopping stop{false};
  std::thread later([&stop] {
    std::this_thread::sleep_for(300ms);
    stop = true;
  });
  const auto begun = Clock::now();
  const auto result = make_wire(GetParam(), "node", world.setup())->connect(in(20s), stop);
  later.join();
  EXPECT_ERROR(result, Code::cancelled, "given up");
  EXPECT_LT(Clock::now() - begun, 2s);
}

TEST_P(FailureTest, WhatIsNoSshServer) {
  World world;
  const FakeServer web("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  world.configure("Port " + std::to_string(web.port()));
  EXPECT_ERROR(connect(world), Code::node_unreachable, "is no SSH server");
}

TEST_P(FailureTest, AServerThatTakesNoMore) {
  World world;
  const FakeServer full("Exceeded MaxStartups\r\n");
  world.configure("Port " + std::to_string(full.port()));
  const auto result = connect(world);
  EXPECT_ERROR(result, Code::node_unreachable, "closed the connection before it was made");
  EXPECT_TRUE(result.error().retryable);
}

TEST_P(FailureTest, ANameWithoutAnAddress) {
  World world;
  world.configure("HostName no-such-host.invalid");
  const auto result = connect(world);
  EXPECT_ERROR(result, Code::node_unreachable, "the name 'no-such-host.invalid' has no address");
  EXPECT_TRUE(result.error().retryable);
}

TEST_P(FailureTest, AFrozenServerIsSilent) {
  World world;
  world.server().signal(SIGSTOP);
  const auto result = connect(world, 1500ms);
  world.server().signal(SIGCONT);
  EXPECT_ERROR(result, Code::node_unreachable, "said nothing");
}

TEST_P(FailureTest, AProxyCommandAndAJump) {
  World world;
  const std::string port = std::to_string(world.server().port());
  const std::string proxied =
      "HostName 127.0.0.1\n ProxyCommand bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3; kill $!'";
  world.configure(proxied);
  auto result = connect(world);
  EXPECT_TRUE(result) << result.error().message;

  const std::string gate = "Host gate\n HostName 127.0.0.1\n Port " + port + "\n User " + user_name() + "\n";
  world.configure("ProxyJump gate", gate);
  result = connect(world);
  EXPECT_TRUE(result) << result.error().message;
  // ssh looks at the jump host in the same files.
  world.know(world.server().known_line() + "[localhost]:" + port + " " +
             public_key(world.server().host_key()) + "\n");
  world.configure("ProxyJump " + user_name() + "@localhost:" + port);
  result = connect(world);
  EXPECT_TRUE(result) << result.error().message;

  world.configure("ProxyCommand sh -c 'echo no way there >&2; exit 1'");
  EXPECT_ERROR(connect(world), Code::node_unreachable,
               "the proxy to node (127.0.0.1:" + port + ") failed: no way there");
}

TEST_P(FailureTest, ChecksStopAtTheFirstBadOne) {
  World world;
  const auto states = [&] {
    std::string out;
    for (const Check& check : connection_checks(GetParam(), "node", world.setup(), in(15s), never))
      out += check.name + (check.state == Check::State::good  ? "+"
                           : check.state == Check::State::bad ? "- "
                                                              : "? ");
    return out;
  };
  EXPECT_EQ(states(), "name+TCP+host key+authentication+");
  world.server().allow("");
  EXPECT_EQ(states(), "name+TCP+host key+authentication- ");
  world.know("");
  EXPECT_EQ(states(), "name+TCP+host key- authentication? ");
  world.server().kill();
  EXPECT_EQ(states(), "name+TCP- host key? authentication? ");
  world.configure("HostName no-such-host.invalid");
  EXPECT_EQ(states(), "name- TCP? host key? authentication? ");
}

INSTANTIATE_TEST_SUITE_P(Both, FailureTest, ::testing::Values(Client::libssh2, Client::openssh),
                         [](const ::testing::TestParamInfo<Client>& each) {
                           return std::string(each.param == Client::libssh2 ? "libssh2" : "ssh");
                         });

}  // namespace
}  // namespace grid::ssh
