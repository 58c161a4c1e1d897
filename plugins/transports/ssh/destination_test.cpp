#include "destination.hpp"

#include <gtest/gtest.h>

#include "server.hpp"

namespace grid::ssh {
namespace {

using namespace testing;

struct Config {
  Folder folder;
  Setup setup;
  explicit Config(const std::string& text) : setup{(folder / "config").string()} {
    write_file(setup.ssh_config, text);
  }
  Result<Destination> operator()(const std::string& address) const {
    return resolve(address, setup, in(10s), never);
  }
};

TEST(Destination, AnAliasLeadsWhereTheConfigurationSays) {
  const Config config(
      "Host gpu1\n HostName 10.0.0.7\n Port 2222\n User ada\n IdentityFile /k/id_%h_%r\n IdentityFile "
      "~/.ssh/x\n"
      " IdentitiesOnly yes\n IdentityAgent /run/agent\n UserKnownHostsFile \"/a b/known\" /c/known\n"
      " HostKeyAlias gpu\n HashKnownHosts yes\n ConnectTimeout 7\n ProxyJump ada@gate:2200\n");
  const auto to = config("gpu1");
  ASSERT_TRUE(to) << to.error().message;
  EXPECT_EQ(to->host_name, "10.0.0.7");
  EXPECT_EQ(to->port, 2222);
  EXPECT_EQ(to->user, "ada");
  EXPECT_EQ(to->identity_files.at(0), "/k/id_10.0.0.7_ada");
  EXPECT_EQ(to->identity_files.at(1), std::string(::getpwuid(::getuid())->pw_dir) + "/.ssh/x");
  EXPECT_TRUE(to->identities_only);
  EXPECT_EQ(to->agent, "/run/agent");
  EXPECT_EQ(to->user_known_hosts, (std::vector<std::string>{"/a b/known", "/c/known"}));
  EXPECT_EQ(to->host_key_alias, "gpu");
  EXPECT_TRUE(to->hash_known_hosts);
  EXPECT_EQ(to->connect_timeout, std::optional(std::chrono::seconds(7)));
  EXPECT_EQ(to->proxy_jump, "ada@gate:2200");
  EXPECT_TRUE(to->proxied());
  EXPECT_EQ(to->where(), "gpu1 (10.0.0.7:2222)");
}

TEST(Destination, FormsOfAnAddress) {
  const Config config("Host *\n User ada\n Port 2222\n");
  struct Form {
    std::string address;
    std::string user;
    std::string host;
    int port;
  };
  for (const Form& form :
       {Form{"h", "ada", "h", 2222}, Form{"bob@h", "bob", "h", 2222}, Form{"bob@h:22", "bob", "h", 22},
        Form{"h:7", "ada", "h", 7}, Form{"ssh://bob@h:7", "bob", "h", 7}, Form{"ssh://h/", "ada", "h", 2222},
        Form{"::1", "ada", "::1", 2222}, Form{"[::1]:7", "ada", "::1", 7},
        Form{"bob@[fe80::1%eth0]", "bob", "fe80::1%eth0", 2222},
        Form{"ssh://bob@[::1]:7", "bob", "::1", 7}}) {
    const auto to = config(form.address);
    ASSERT_TRUE(to) << form.address << ": " << to.error().message;
    EXPECT_EQ(to->user, form.user) << form.address;
    EXPECT_EQ(to->host_name, form.host) << form.address;
    EXPECT_EQ(to->port, form.port) << form.address;
  }
}

TEST(Destination, WhatIsNoAddressIsRefusedBeforeSshSeesIt) {
  const Config config("");
  for (const std::string address :
       {"", "-oProxyCommand=touch /tmp/x", "@h", "u@", "u@-h", "h:0", "h:x", "h:99999", "h;id", "$(id)",
        "`id`@h", "a b", "h\n", "[::1", "[::1]7", "ssh://", "u@h|id", "h'"}) {
    const auto to = config(address);
    ASSERT_FALSE(to) << address;
    EXPECT_EQ(to.error().code, Code::usage) << address << ": " << to.error().message;
  }
}

TEST(Destination, ABrokenConfigurationIsSaidWithSshsOwnWords) {
  const auto to = Config("Nonsense yes\n")("h");
  ASSERT_FALSE(to);
  EXPECT_EQ(to.error().code, Code::config_invalid);
  EXPECT_NE(to.error().message.find("onsense"), std::string::npos) << to.error().message;
}

TEST(Destination, WithoutSshTheFixIsNamed) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  const auto to = Config("")("h");
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(to);
  EXPECT_EQ(to.error().code, Code::program_not_found);
  EXPECT_NE(to.error().hint.find("openssh-client"), std::string::npos);
}

// A `Match exec` may hang: the deadline holds, and the asker can give up.
TEST(Destination, AHangingConfigurationMeetsTheDeadline) {
  const Config config("Match exec \"sleep 30\"\n User x\n");
  const auto begun = Clock::now();
  const auto late = resolve("h", config.setup, in(300ms), never);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timed_out);
  const Stopping stop{true};
  const auto stopped = resolve("h", config.setup, in(20s), stop);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::cancelled);
  EXPECT_LT(Clock::now() - begun, 5s);
}

TEST(Destination, TokensOfAProxyCommand) {
  Destination to;
  to.host = "alias";
  to.host_name = "10.0.0.7";
  to.port = 7;
  to.user = "ada";
  EXPECT_EQ(to.expand("nc %h %p as %r for %n, 100%%"),
            std::optional<std::string>("nc 10.0.0.7 7 as ada for alias, 100%"));
  EXPECT_EQ(to.expand("%C"), std::nullopt);
  EXPECT_EQ(to.expand("%"), std::nullopt);
}

}  // namespace
}  // namespace grid::ssh
