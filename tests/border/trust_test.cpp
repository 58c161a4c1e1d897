// A plugin that others could have put there, or could change, is not loaded. Modes and owners are compared,
// so this holds for root too.
#include <unistd.h>

#include "zoo.hpp"

namespace grid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Trust : public BorderTest {
 protected:
  Error refused(const std::filesystem::path& folder) {
    const auto own = registry({folder});
    const auto list = own->list();
    EXPECT_EQ(list.size(), 1U);
    const auto policy = own->policy("good");
    if (policy || list.empty()) {
      ADD_FAILURE() << "taken from " << folder;
      return {};
    }
    EXPECT_EQ(policy.error().code, Code::policy_denied);
    EXPECT_EQ(list[0].state, PluginState::refused);
    EXPECT_THAT(list[0].reason, HasSubstr(policy.error().message));
    return policy.error();
  }
  bool taken(const std::filesystem::path& folder) {
    const auto policy = registry({folder})->policy("good");
    if (!policy) ADD_FAILURE() << policy.error().message;
    return policy.has_value();
  }
};

TEST_F(Trust, OwnFolderBelowAStickyOneIsFine) {
  const auto own = folder("plugins");
  copy("good", "grid_policy_good.so", own);
  EXPECT_TRUE(taken(own));
}

TEST_F(Trust, FileThatOthersMayWriteTo) {
  const auto own = folder("plugins");
  const auto file = copy("good", "grid_policy_good.so", own);
  for (const mode_t mode : {0664U, 0646U, 0666U}) {
    set_mode(file, mode);
    const Error error = refused(own);
    EXPECT_THAT(error.message, HasSubstr(file.string()));
    EXPECT_THAT(error.hint, AllOf(HasSubstr("chmod go-w"), HasSubstr(file.string())));
  }
}

TEST_F(Trust, FolderThatOthersMayWriteTo) {
  const auto own = folder("plugins");
  copy("good", "grid_policy_good.so", own);
  for (const mode_t mode : {0775U, 0757U, 01777U}) {
    set_mode(own, mode);
    EXPECT_THAT(refused(own).hint, HasSubstr("chmod go-w '" + own.string() + "'")) << std::oct << mode;
  }
}

TEST_F(Trust, FolderFurtherUpThatOthersMayWriteTo) {
  const auto up = folder("up");
  const auto own = folder("up/plugins");
  copy("good", "grid_policy_good.so", own);
  set_mode(up, 0777);
  EXPECT_THAT(refused(own).hint, HasSubstr("chmod go-w '" + up.string() + "'"));
  set_mode(up, 01777);
  EXPECT_TRUE(taken(own)) << "in a sticky folder nobody can replace what is ours";
}

TEST_F(Trust, LinkIntoAFolderThatOthersMayWriteTo) {
  const auto own = folder("plugins");
  const auto open = folder("open");
  std::filesystem::create_symlink(copy("good", "grid_policy_good.so", open), own / "grid_policy_good.so");
  EXPECT_TRUE(taken(own));
  set_mode(open, 0777);
  EXPECT_THAT(refused(own).hint, HasSubstr("'" + open.string() + "'"));
}

TEST_F(Trust, FolderThatIsALinkIntoOneThatOthersMayWriteTo) {
  const auto open = folder("open");
  const auto real = folder("open/real");
  copy("good", "grid_policy_good.so", real);
  std::filesystem::create_directory_symlink("open/../open/real", temp_.path() / "plugins");
  EXPECT_TRUE(taken(temp_.path() / "plugins"));
  set_mode(open, 0777);
  EXPECT_THAT(refused(temp_.path() / "plugins").hint, HasSubstr("'" + open.string() + "'"));
}

TEST_F(Trust, LinkOutOfAFolderThatOthersMayWriteTo) {
  const auto own = folder("plugins");
  const auto middle = folder("middle");
  const auto real = folder("real");
  copy("good", "grid_policy_good.so", real);
  std::filesystem::create_symlink(real / "grid_policy_good.so", middle / "next.so");
  std::filesystem::create_symlink(middle / "next.so", own / "grid_policy_good.so");
  EXPECT_TRUE(taken(own));
  set_mode(middle, 0777);
  EXPECT_THAT(refused(own).message, HasSubstr(middle.string()));
}

TEST_F(Trust, WhatIsNoFile) {
  const auto own = folder("plugins");
  std::filesystem::create_directory(own / "grid_policy_good.so");
  set_mode(own / "grid_policy_good.so", 0755);
  EXPECT_THAT(refused(own).message, HasSubstr("not a regular file"));
}

TEST_F(Trust, LinksThatLeadNowhereOrInCircles) {
  const auto own = folder("plugins");
  std::filesystem::create_symlink("gone.so", own / "grid_policy_good.so");
  EXPECT_THAT(refused(own).message, HasSubstr("No such file"));
  std::filesystem::remove(own / "grid_policy_good.so");
  std::filesystem::create_symlink("grid_policy_good.so", own / "grid_policy_good.so");
  EXPECT_THAT(refused(own).message, HasSubstr("symbolic links"));
}

TEST_F(Trust, RelativeFolder) { EXPECT_FALSE(check_trusted("plugins/grid_policy_good.so")); }

TEST_F(Trust, AnotherUsersFile) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const auto own = folder("plugins");
  const auto file = copy("good", "grid_policy_good.so", own);
  ASSERT_EQ(::chown(file.c_str(), 12345, 12345), 0);
  EXPECT_THAT(refused(own).message, HasSubstr("uid 12345"));
  ASSERT_EQ(::chown(file.c_str(), 0, 0), 0);
  ASSERT_EQ(::chown(own.c_str(), 12345, 12345), 0);
  EXPECT_THAT(refused(own).message, HasSubstr("uid 12345"));
}

}  // namespace
}  // namespace grid
