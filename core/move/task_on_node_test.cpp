#include "core/move/task_on_node.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace grid {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Not;

TEST(TaskOnNode, WhatBelongsToThisMachineIsFilledInThere) {
  const auto carried = carry_environment(
      {"PATH=/here/bin", "HOME=/home/me", "LANG=C", "XDG_RUNTIME_DIR=/run/user/1", "PWD=/here", "A=b=c"}, {});
  EXPECT_THAT(carried.environment, ElementsAre("LANG=C", "A=b=c"));
  EXPECT_THAT(carried.inherit,
              ElementsAre("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_RUNTIME_DIR"));
}

TEST(TaskOnNode, WhatAPersonNamedGoesAsItIs) {
  const auto carried = carry_environment({"PATH=/mine", "TMPDIR=/fast", "HOME=/home/me"}, {"PATH", "TMPDIR"});
  EXPECT_THAT(carried.environment, ElementsAre("PATH=/mine", "TMPDIR=/fast"));
  EXPECT_THAT(carried.inherit, Not(Contains("PATH")));
  EXPECT_THAT(carried.inherit, IsSupersetOf({"HOME", "USER"}));
}

// Whoever runs the head, and whatever it is called, the node gets the same.
TEST(TaskOnNode, NamesOfTheHeadChangeNothing) {
  const auto of = [](const std::string& user) {
    return carry_environment({"USER=" + user, "LOGNAME=" + user, "HOME=/home/" + user,
                              "PATH=/home/" + user + "/bin:/bin", "HOSTNAME=of-" + user, "TERM=xterm"},
                             {});
  };
  EXPECT_EQ(of("ann").environment, of("bob").environment);
  EXPECT_EQ(of("ann").inherit, of("bob").inherit);
  EXPECT_THAT(of("ann").environment, ElementsAre("TERM=xterm"));
}

TEST(TaskOnNode, SetVariablesReplaceAndAreNotInherited) {
  Task task;
  task.environment = {"A=1", "B=2"};
  task.inherit = {"PATH", "HOME"};
  set_variables(task, {"B=3", "PATH=/nvm:/bin", "C="});
  EXPECT_THAT(task.environment, ElementsAre("A=1", "B=3", "PATH=/nvm:/bin", "C="));
  EXPECT_THAT(task.inherit, ElementsAre("HOME"));
}

TEST(TaskOnNode, TheLongestFolderDecidesWhereAPathLies) {
  const std::map<std::string, std::string, std::less<>> paths{
      {"/people/ann", "/users/ann"}, {"/people/ann/data/", "/scratch/"}, {"/mnt", "/"}};
  EXPECT_EQ(path_on_node("/people/ann/src/x", paths), "/users/ann/src/x");
  EXPECT_EQ(path_on_node("/people/ann", paths), "/users/ann");
  EXPECT_EQ(path_on_node("/people/ann/data/a", paths), "/scratch/a");
  EXPECT_EQ(path_on_node("/people/anna/x", paths), "/people/anna/x");
  EXPECT_EQ(path_on_node("/mnt/x", paths), "/x");
  EXPECT_EQ(path_on_node("/mnt", paths), "/");
  EXPECT_EQ(path_on_node("/opt", {{"/", "/other"}}), "/other/opt");
  EXPECT_EQ(path_on_node("/", {{"/", "/other"}}), "/other");
  EXPECT_EQ(path_on_node("/a", {}), "/a");
}

}  // namespace
}  // namespace grid
