#include "core/move/environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace grid {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Environment, OnlyAllowedNamesCross) {
  const auto filtered =
      filter_environment({"LANG=C", "LC_ALL=de=1", "HOME=/h", "LANG=twice", "broken", "=x", "EMPTY="},
                         {"LANG", "LC_*", "EMPTY"});
  EXPECT_THAT(filtered.environment, ElementsAre("LANG=C", "LC_ALL=de=1", "EMPTY="));
  EXPECT_THAT(filtered.withheld, IsEmpty());
  EXPECT_THAT(filter_environment({"A=1"}, {}).environment, IsEmpty());
}

TEST(Environment, SecretsCrossOnlyWhenNamed) {
  const std::vector<std::string> environment{"GITHUB_TOKEN=x", "MY_KEY=y", "MONKEY=z", "HF_TOKEN=w"};
  const auto filtered = filter_environment(environment, {"*", "HF_TOKEN"});
  EXPECT_THAT(filtered.environment, ElementsAre("MONKEY=z", "HF_TOKEN=w"));
  EXPECT_THAT(filtered.withheld, ElementsAre("GITHUB_TOKEN", "MY_KEY"));
}

TEST(Environment, KnowsSecretsByAWordOfTheirName) {
  for (const char* name :
       {"TOKEN", "AWS_SECRET_ACCESS_KEY", "db_password", "PGPASSWD", "API-KEY", "KEY2", "SSH_AUTH_SOCK",
        "GOOGLE_APPLICATION_CREDENTIALS", "COOKIE", "X.secret", "XAUTHORITY", "OPENAI_APIKEY"})
    EXPECT_EQ(looks_secret(name), std::string_view(name) != "PGPASSWD") << name;
  for (const char* name :
       {"KEYBOARD", "MONKEY", "AUTHOR", "TOKENIZERS_PARALLELISM", "PATH", "PWD", "SECRETARY", ""})
    EXPECT_FALSE(looks_secret(name)) << name;
}

}  // namespace
}  // namespace grid
