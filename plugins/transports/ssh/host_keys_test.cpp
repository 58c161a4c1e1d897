#include "host_keys.hpp"

#include <gtest/gtest.h>

#include "server.hpp"
#include "wires.hpp"

namespace grid::ssh {
namespace {

using namespace testing;

Result<HostKeys> keys_of(const World& world) { return host_keys("node", world.setup(), in(15s), never); }
Result<> trust(const World& world, const HostKey& key) {
  return trust_host_key("node", world.setup(), key, in(15s), never);
}

class HostKeysTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (const std::string why = missing(GetParam()); !why.empty()) GTEST_SKIP() << why;
  }
};

TEST_P(HostKeysTest, ShownThenTrustedThenKnown) {
  World world(
      {.kind = GetParam(), .host_key_types = {"ecdsa", "ed25519", "rsa"}, .config = "LogLevel DEBUG2"});
  world.know("");
  auto keys = keys_of(world);
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ(keys->destination, world.server().name());
  EXPECT_EQ(keys->file, world.known_hosts().string());
  ASSERT_EQ(keys->keys.size(), 3U);
  EXPECT_EQ(keys->keys[0].type, "ssh-ed25519");
  EXPECT_EQ(keys->keys[0].fingerprint, fingerprint_of(world.server().host_key("ed25519")));
  EXPECT_EQ(keys->keys[1].fingerprint, fingerprint_of(world.server().host_key("ecdsa")));
  EXPECT_EQ(keys->keys[2].fingerprint, fingerprint_of(world.server().host_key("rsa")));
  for (const HostKey& key : keys->keys) EXPECT_EQ(key.known, HostKey::Known::unknown);
  // Nobody was told who we are, and nothing was written.
  EXPECT_EQ(world.server().log().find("userauth-request"), std::string::npos);
  EXPECT_EQ(read_file(world.known_hosts()), "");

  ASSERT_TRUE(trust(world, keys->keys[0]));
  EXPECT_EQ(read_file(world.known_hosts()), world.server().known_line("ed25519"));
  ASSERT_TRUE(trust(world, keys->keys[0]));  // once is enough
  EXPECT_EQ(read_file(world.known_hosts()), world.server().known_line("ed25519"));
  keys = keys_of(world);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->keys[0].known, HostKey::Known::known);
  EXPECT_EQ(keys->keys[1].known, HostKey::Known::unknown);
  for (const Client client : {Client::libssh2, Client::openssh})
    EXPECT_TRUE(make_wire(client, "node", world.setup())->connect(in(15s), never));
}

INSTANTIATE_TEST_SUITE_P(All, HostKeysTest, ::testing::Values(Kind::openssh, Kind::dropbear),
                         [](const ::testing::TestParamInfo<Kind>& each) { return name_of(each.param); });

TEST(HostKeys, AFileWithoutANewlineAtItsEndIsNotSpoiled) {
  World world;
  write_file(world.known_hosts(), "elsewhere " + public_key(world.folder() / "id_ed25519"));
  ASSERT_TRUE(trust(world, keys_of(world)->keys.at(0)));
  EXPECT_EQ(read_file(world.known_hosts()),
            "elsewhere " + public_key(world.folder() / "id_ed25519") + "\n" + world.server().known_line());
}

TEST(HostKeys, FolderAndFileAreMadeForTheUserAlone) {
  World world;
  const fs::path file = world.folder() / "home" / "known";
  fs::remove_all(world.folder() / "home");
  world.configure("UserKnownHostsFile " + file.string());
  ASSERT_TRUE(trust(world, keys_of(world)->keys.at(0)));
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(file.parent_path()).permissions(), fs::perms::owner_all);
}

TEST(HostKeys, HashedWhenTheUserWantsItSo) {
  World world;
  world.know("");
  world.configure("HashKnownHosts yes");
  ASSERT_TRUE(trust(world, keys_of(world)->keys.at(0)));
  const std::string text = read_file(world.known_hosts());
  EXPECT_TRUE(text.starts_with("|1|")) << text;
  EXPECT_EQ(text.find("127.0.0.1"), std::string::npos);
  // ssh itself finds it.
  EXPECT_TRUE(make_wire(Client::openssh, "node", world.setup())->connect(in(15s), never));
}

TEST(HostKeys, AChangedOrRevokedKeyIsNotTrusted) {
  World world;
  const std::string before = fingerprint_of(world.server().host_key());
  world.server().change_host_key();
  auto keys = keys_of(world);
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->keys.at(0).known, HostKey::Known::changed);
  EXPECT_EQ(keys->keys[0].known_fingerprint, before);
  const std::string text = read_file(world.known_hosts());
  auto result = trust(world, keys->keys[0]);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::host_key_mismatch);
  const std::string fix =
      "ssh-keygen -R '" + world.server().name() + "' -f '" + world.known_hosts().string() + "'";
  EXPECT_NE(result.error().hint.find(fix), std::string::npos) << result.error().hint;
  EXPECT_EQ(read_file(world.known_hosts()), text);
  // The hint works as written.
  run_program({"sh", "-c", fix + " 2>/dev/null"});
  EXPECT_TRUE(trust(world, keys->keys[0]));

  world.know("@revoked * " + public_key(world.server().host_key()) + "\n");
  keys = keys_of(world);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->keys.at(0).known, HostKey::Known::revoked);
  result = trust(world, keys->keys[0]);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::host_key_mismatch);
}

TEST(HostKeys, OnlyAKeyIsWritten) {
  World world;
  world.know("");
  for (const std::string line :
       {"", "ssh-ed25519", "ssh-ed25519 AAAA", "* ssh-ed25519 AAAA\nevil", "@revoked x"}) {
    HostKey key;
    key.line = line;
    const auto result = trust(world, key);
    ASSERT_FALSE(result) << line;
    EXPECT_EQ(result.error().code, Code::usage);
  }
  EXPECT_EQ(read_file(world.known_hosts()), "");
}

TEST(HostKeys, ThroughAJump) {
  World world;
  const std::string gate = "Host gate\n  HostName 127.0.0.1\n  Port " +
                           std::to_string(world.server().port()) + "\n  User " + user_name() + "\n";
  world.configure("ProxyJump gate", gate);
  const auto keys = keys_of(world);
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ(keys->keys.at(0).fingerprint, fingerprint_of(world.server().host_key()));
}

TEST(HostKeys, NobodyThere) {
  World world;
  world.server().kill();
  const auto keys = keys_of(world);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, Code::node_unreachable);
  EXPECT_NE(keys.error().message.find("refused the connection"), std::string::npos) << keys.error().message;
}

}  // namespace
}  // namespace grid::ssh
