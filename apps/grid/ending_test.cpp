#include "apps/grid/ending.hpp"

#include <gtest/gtest.h>

namespace grid::cli {
namespace {

int code(const char* text) { return exit_story(Json::parse(text)).code; }

TEST(ExitStory, is_the_commands_own_code) {
  EXPECT_EQ(code(R"({"state":"completed","exit_code":0})"), 0);
  EXPECT_EQ(code(R"({"state":"failed","exit_code":7,"signal":null,"error":null})"), 7);
  EXPECT_EQ(code(R"({"state":"failed","exit_code":137,"signal":null})"), 137);
  EXPECT_EQ(exit_story(Json::parse(R"({"state":"failed","exit_code":137})")).line, "");
}

TEST(ExitStory, names_the_signal) {
  const ExitStory story = exit_story(Json::parse(R"({"state":"failed","exit_code":null,"signal":9})"));
  EXPECT_EQ(story.code, 137);
  EXPECT_EQ(story.line, "ended by signal 9 (SIGKILL)");
}

TEST(ExitStory, programs_that_cannot_be_started) {
  const ExitStory story = exit_story(
      Json::parse(R"({"state":"failed","command":"nope -x","error":"No such file or directory"})"));
  EXPECT_EQ(story.code, 127);
  EXPECT_EQ(story.line, "cannot start nope -x: No such file or directory");
  EXPECT_EQ(code(R"({"state":"failed","error":"Permission denied"})"), 126);
}

TEST(ExitStory, one_without_a_code_is_125) {
  EXPECT_EQ(code(R"({"id":"7","state":"aborted","reason":"result_unknown"})"), 125);
  EXPECT_EQ(code(R"({"id":"7","state":"cancelled","signal":15})"), 143);
  EXPECT_EQ(exit_story(Json::parse(R"({"id":"7","state":"cancelled","reason":"by a person"})")).line,
            "7 was cancelled: by a person");
}

}  // namespace
}  // namespace grid::cli
