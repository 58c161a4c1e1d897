// Plugins that do not fit are refused in one sentence; none of their code runs before the ABI number was
// compared.
#include "zoo.hpp"

namespace grid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Handshake : public BorderTest {
 protected:
  // The error with which the only policy of the folder is refused.
  Error refused_in(const std::filesystem::path& folder, const std::string& name) {
    const auto own = registry({folder});
    const auto described = own->describe(Kind::policy, name);
    if (described) {
      ADD_FAILURE() << name << " in " << folder << " was taken";
      return {};
    }
    const auto states = own->states();
    EXPECT_EQ(states.size(), 1U);
    if (!states.empty()) {
      EXPECT_EQ(states[0].state, PluginState::refused);
      EXPECT_THAT(states[0].reason, HasSubstr(described.error().message));
    }
    EXPECT_FALSE(described.error().hint.empty());
    return described.error();
  }
  Error refused(const std::string& name, const std::string& plugin) {
    return refused_in(zoo_folder(name), plugin);
  }
  void strip(const std::filesystem::path& file) {
    const std::string command = std::string(GRID_STRIP) + " --strip-all '" + file.string() + "'";
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
};

TEST_F(Handshake, AnotherAbiIsRefusedBeforeItsInitialisersTrap) {
  const Error error = refused("other_section", "forged");
  EXPECT_EQ(error.code, Code::plugin_incompatible);
  EXPECT_THAT(error.message, AllOf(HasSubstr("ABI 999"), HasSubstr("ABI " GRID_STRINGIZE(GRID_ABI))));
  EXPECT_THAT(error.hint, HasSubstr("rebuild"));
}

TEST_F(Handshake, AnotherAbiIsRefusedBeforeItsInitialisersTrapWhenStripped) {
  const auto own = folder("plugins");
  strip(copy("other_section", "grid_policy_forged.so", own));
  EXPECT_THAT(refused_in(own, "forged").message, HasSubstr("ABI 999"));
}

TEST_F(Handshake, NoAbiNumberIsRefusedBeforeItsInitialisersTrap) {
  EXPECT_THAT(refused("no_section", "forged").message, HasSubstr("no plugin ABI number"));
}

TEST_F(Handshake, StrippedGoodOneIsTaken) {
  const auto own = folder("plugins");
  strip(copy("good", "grid_policy_good.so", own));
  const auto plugins = registry({own});
  const auto policy = plugins->policy("good");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_TRUE((*policy)->decide(std::make_shared<Snapshot>(), ""));
}

TEST_F(Handshake, DescriptorOfAnotherAbi) {
  EXPECT_THAT(refused("other_abi", "forged").message, HasSubstr("ABI 999"));
}

TEST_F(Handshake, DescriptorOfAnotherSize) {
  const Error error = refused("wrong_size", "forged");
  EXPECT_EQ(error.code, Code::plugin_incompatible);
  EXPECT_THAT(error.message, AllOf(HasSubstr("8 bytes"), HasSubstr(std::to_string(sizeof(Descriptor)))));
}

TEST_F(Handshake, AnotherFingerprint) {
  EXPECT_THAT(refused("wrong_fingerprint", "forged").message,
              AllOf(HasSubstr("other-compiler"), HasSubstr(GRID_FINGERPRINT)));
}

TEST_F(Handshake, NoEntry) {
  EXPECT_THAT(refused("no_entry", "forged").message, HasSubstr("grid_plugin_descriptor"));
}

TEST_F(Handshake, AnotherNameThanItsFile) {
  const Error error = refused("misnamed", "other");
  EXPECT_THAT(error.message, HasSubstr("policy.good"));
  EXPECT_THAT(error.hint, HasSubstr("grid_policy_good.so"));
}

TEST_F(Handshake, DefaultThatDoesNotParse) {
  EXPECT_THAT(refused("bad_default", "good").message, AllOf(HasSubstr("'share'"), HasSubstr("much")));
}

TEST_F(Handshake, MissingSymbolIsNamedByTheLinkersOwnText) {
  const Error error = refused("missing_symbol", "good");
  EXPECT_THAT(error.message, AllOf(HasSubstr("undefined symbol"), HasSubstr("defined_nowhere")));
  EXPECT_THAT(error.message, Not(HasSubstr("Bad file descriptor")));
}

TEST_F(Handshake, WhatIsNoElf) {
  const auto own = folder("plugins");
  std::ofstream(own / "grid_policy_text.so") << "#!/bin/sh\necho no\n";
  std::ofstream(own / "grid_policy_empty.so");
  EXPECT_THAT(refused_in(own, "text").message, HasSubstr("no shared object"));
  EXPECT_THAT(refused_in(own, "empty").message, HasSubstr("no shared object"));
}

TEST_F(Handshake, TruncatedElf) {
  const auto own = folder("plugins");
  const auto file = copy("good", "grid_policy_good.so", own);
  // From the end down to nothing, so that headers, names and code are each cut once.
  for (auto size = std::filesystem::file_size(file); size > 0;
       size -= std::min(size, std::max<std::uintmax_t>(size / 7, 1))) {
    std::filesystem::resize_file(file, size - 1);
    EXPECT_EQ(refused_in(own, "good").code, Code::plugin_incompatible) << size;
  }
}

TEST_F(Handshake, ObjectThatIsNoPolicy) {
  const auto own = zoo("no_policy");
  const auto policy = own->policy("forged");
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, Code::plugin_incompatible);
}

TEST_F(Handshake, SameNameTwiceNamesBothFiles) {
  const auto one = folder("one");
  const auto two = folder("two");
  const auto first = copy("good", "grid_policy_good.so", one);
  const auto second = copy("good", "grid_policy_good.so", two);
  const auto own = registry({one, two});
  const auto policy = own->policy("good");
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, Code::resource_conflict);
  EXPECT_THAT(policy.error().message, AllOf(HasSubstr(first.string()), HasSubstr(second.string())));
  const auto list = own->list();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].state, PluginState::refused);
  std::filesystem::remove(second);
  EXPECT_TRUE(own->policy("good")) << "put right, it is taken without a restart";
}

TEST_F(Handshake, UnknownNameSuggestsTheNearestAndLists) {
  const auto own = registry({zoo_folder("good"), zoo_folder("deeds")});
  const auto policy = own->policy("godo");
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, Code::not_found);
  EXPECT_THAT(policy.error().hint, AllOf(HasSubstr("'good'"), HasSubstr("bad, good")));
  EXPECT_TRUE(own->states().empty());
}

TEST_F(Handshake, ListOpensNothing) {
  const auto own = registry({zoo_folder("init_traps"), zoo_folder("deeds"), "/nowhere/at/all"});
  const auto list = own->list();
  ASSERT_EQ(list.size(), 5U);
  for (const auto& plugin : list) EXPECT_EQ(plugin.state, PluginState::available) << plugin.reason;
}

TEST_F(Handshake, DescriptorOutlivesItsRegistry) {
  const Descriptor* descriptor = nullptr;
  std::shared_ptr<RunningPolicy> policy;
  {
    const auto own = zoo("good");
    const auto described = own->describe(Kind::policy, "good");
    ASSERT_TRUE(described) << described.error().message;
    descriptor = *described;
    policy = own->policy("good").value();
  }
  EXPECT_STREQ(descriptor->version, "1.2.3");
  EXPECT_TRUE(policy->decide(std::make_shared<Snapshot>(), ""));
}

}  // namespace
}  // namespace grid
