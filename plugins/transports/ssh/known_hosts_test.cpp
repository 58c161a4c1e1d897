#include "known_hosts.hpp"

#include <gtest/gtest.h>

#include "digest.hpp"
#include "grid/sdk/bytes.hpp"
#include "server.hpp"

namespace grid::ssh {
namespace {

using namespace testing;

std::string blob_text(const std::string& type, const std::string& key) {
  std::string blob;
  for (const std::string& part : {type, key}) {
    blob += std::string("\0\0\0", 3) + static_cast<char>(part.size()) + part;
  }
  return encode_base64(blob);
}
std::string print(const std::string& type, const std::string& key) {
  return fingerprint(decode_base64(blob_text(type, key)).value());
}
std::string entry(const std::string& names, const std::string& key = "one",
                  const std::string& type = "ssh-ed25519") {
  return names + " " + type + " " + blob_text(type, key) + "\n";
}

struct Records {
  Folder folder;
  Destination to;

  explicit Records(const std::string& text, const std::string& host = "n1.example.org",
                   std::uint16_t port = 22) {
    write_file(folder / "known", text);
    to.host_name = to.host = host;
    to.port = port;
    to.user_known_hosts = {(folder / "absent").string(), (folder / "known").string()};
  }
  KnownHost::State state(const std::string& key = "one", const std::string& type = "ssh-ed25519") const {
    return load_known_hosts(to).look_up(type, print(type, key)).state;
  }
};

using State = KnownHost::State;

TEST(KnownHosts, NamesAsSshReadsThem) {
  EXPECT_TRUE(names_match("host", "host"));
  EXPECT_TRUE(names_match("HOST", "host"));
  EXPECT_TRUE(names_match("host", "HOST"));
  EXPECT_FALSE(names_match("host", "host2"));
  EXPECT_TRUE(names_match("a,host,b", "host"));
  EXPECT_TRUE(names_match("*.example.org", "n1.example.org"));
  EXPECT_TRUE(names_match("n?.*.org", "n1.example.org"));
  EXPECT_FALSE(names_match("*.example.org", "example.org"));
  EXPECT_FALSE(names_match("*.example.org,!n1.example.org", "n1.example.org"));
  EXPECT_FALSE(names_match("!n1.example.org,*.example.org", "n1.example.org"));
  EXPECT_TRUE(names_match("!n2.example.org,*.example.org", "n1.example.org"));
  EXPECT_FALSE(names_match("!n2.example.org", "n1.example.org"));
  EXPECT_TRUE(names_match("[host]:22022", "[host]:22022"));
  EXPECT_FALSE(names_match("[host]:22022", "host"));
  EXPECT_TRUE(names_match("[::1]:22022", "[::1]:22022"));
  EXPECT_TRUE(names_match("*", "[host]:1"));
  EXPECT_FALSE(names_match("", "host"));
  EXPECT_FALSE(names_match("|1|", "host"));
  EXPECT_FALSE(names_match("|1|AA==|AA==", "host"));
  // A pattern that would keep a backtracking matcher busy for ever.
  EXPECT_FALSE(names_match(std::string(200, '*') + "b", std::string(2000, 'a')));
}

// ssh-keygen itself hashes and writes.
TEST(KnownHosts, HashedNamesAsSshKeygenWritesThem) {
  const Folder folder;
  make_key(folder / "key", "ed25519");
  write_file(folder / "known", "n1,[n2]:2222 " + public_key(folder / "key") + "\n");
  run_program({"ssh-keygen", "-q", "-H", "-f", (folder / "known").string()});
  const auto keys = parse_known_hosts(read_file(folder / "known"), "known");
  ASSERT_EQ(keys.size(), 2U);
  for (const KnownKey& key : keys) EXPECT_TRUE(key.names.starts_with("|1|"));
  EXPECT_TRUE(names_match(keys[0].names, "n1"));
  EXPECT_TRUE(names_match(keys[1].names, "[n2]:2222"));
  EXPECT_FALSE(names_match(keys[1].names, "n2"));
  EXPECT_EQ(keys[0].fingerprint, fingerprint_of(folder / "key"));
}

TEST(KnownHosts, LinesThatAreNoRecordsAreLeftOut) {
  const std::string good = entry("host");
  const auto keys = parse_known_hosts(
      "# a comment\n\n  \t\nhost\nhost ssh-ed25519\nhost ssh-ed25519 !!!\n"
      "@unknown " +
          good + "host ssh-rsa " + blob_text("ssh-ed25519", "one") + "\n" + good + "@revoked " + good +
          "@cert-authority *.org " + good.substr(5) + "\thost2\tssh-ed25519\t" +
          blob_text("ssh-ed25519", "one") + " comment\r\n",
      "file");
  ASSERT_EQ(keys.size(), 4U);
  EXPECT_EQ(keys[0].line, 9U);
  EXPECT_EQ(keys[0].file, "file");
  EXPECT_EQ(keys[1].mark, KnownKey::Mark::revoked);
  EXPECT_EQ(keys[2].mark, KnownKey::Mark::authority);
  EXPECT_EQ(keys[2].names, "*.org");
  EXPECT_EQ(keys[3].names, "host2");
}

TEST(KnownHosts, KnownChangedOtherTypeUnknown) {
  EXPECT_EQ(Records("").state(), State::unknown);
  EXPECT_EQ(Records(entry("other")).state(), State::unknown);
  EXPECT_EQ(Records(entry("n1.example.org")).state(), State::known);
  EXPECT_EQ(Records(entry("*.example.org")).state(), State::known);
  EXPECT_EQ(Records(entry("*.example.org,!n1*")).state(), State::unknown);
  EXPECT_EQ(Records(entry("n1.example.org", "two")).state(), State::changed);
  EXPECT_EQ(Records(entry("n1.example.org", "two") + entry("n1.example.org")).state(), State::known);
  EXPECT_EQ(Records(entry("n1.example.org", "two", "ssh-rsa")).state(), State::other_type);
  EXPECT_EQ(Records(entry("n1.example.org", "x", "ssh-rsa") + entry("n1.example.org", "two")).state(),
            State::changed);
}

TEST(KnownHosts, ARevokedKeyIsRevokedWhateverElseIsSaid) {
  EXPECT_EQ(Records(entry("n1.example.org") + "@revoked " + entry("*")).state(), State::revoked);
  EXPECT_EQ(Records("@revoked " + entry("*") + entry("n1.example.org")).state(), State::revoked);
  EXPECT_EQ(Records("@revoked " + entry("elsewhere") + entry("n1.example.org")).state(), State::known);
  EXPECT_EQ(Records("@revoked " + entry("*", "two") + entry("n1.example.org")).state(), State::known);
  EXPECT_EQ(Records("@revoked " + entry("n1.example.org"), "n1.example.org", 2222).state(), State::revoked);
}

TEST(KnownHosts, AnAuthorityIsNoKeyOfTheHost) {
  const Records records("@cert-authority " + entry("*.example.org"));
  EXPECT_EQ(records.state(), State::unknown);
  EXPECT_TRUE(load_known_hosts(records.to).has_authority());
  EXPECT_TRUE(load_known_hosts(records.to).types().empty());
}

TEST(KnownHosts, APortHasKeysOfItsOwn) {
  const auto at = [](const std::string& text) { return Records(text, "n1", 2222).state(); };
  EXPECT_EQ(at(entry("[n1]:2222")), State::known);
  EXPECT_EQ(at(entry("[n1]:2223")), State::unknown);
  EXPECT_EQ(at(entry("[n1]:2222", "two")), State::changed);
  // The key without a port counts when it is the very key, as with ssh.
  EXPECT_EQ(at(entry("n1")), State::known);
  EXPECT_EQ(at(entry("n1", "two")), State::unknown);
  EXPECT_EQ(at(entry("n1") + entry("[n1]:2222", "two")), State::changed);
  EXPECT_EQ(Records(entry("[n1]:2222"), "n1", 22).state(), State::unknown);
}

TEST(KnownHosts, AnAliasReplacesNameAndPort) {
  Records records(entry("nickname"), "n1", 2222);
  EXPECT_EQ(records.state(), State::unknown);
  records.to.host_key_alias = "nickname";
  EXPECT_EQ(records.state(), State::known);
}

TEST(KnownHosts, TypesOnRecordBestFirst) {
  const Records records(entry("n1.example.org", "a", "ssh-rsa") +
                        entry("n1.example.org", "b", "ecdsa-sha2-nistp256") + entry("n1.example.org", "c") +
                        entry("n1.example.org", "d") + "@revoked " + entry("n1.example.org", "e", "ssh-dss"));
  EXPECT_EQ(load_known_hosts(records.to).types(),
            (std::vector<std::string>{"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"}));
}

}  // namespace
}  // namespace grid::ssh
