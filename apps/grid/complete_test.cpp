#include "apps/grid/complete.hpp"

#include <gtest/gtest.h>

namespace grid::cli {
namespace {

std::vector<std::string> completed(const std::vector<std::string>& words) {
  const auto source = [](ArgType type) -> std::vector<Completion> {
    if (type == ArgType::execution) return {{"7", "running make"}, {"12", "queued ls"}};
    if (type == ArgType::node) return {{"desk", "head"}, {"gpu1", "worker"}};
    return {};
  };
  const Completions found = complete_words(words, source);
  std::vector<std::string> out;
  for (const Completion& each : found.words) out.push_back(each.word);
  if (found.files) out.emplace_back(":files");
  if (found.programs) out.emplace_back(":programs");
  return out;
}

using Words = std::vector<std::string>;

TEST(Complete, commands_and_verbs) {
  EXPECT_EQ(completed({"off"}), Words{"offload"});
  EXPECT_EQ(completed({"offload", ""}), (Words{"scan", "execute", "status", "history", "watch"}));
  EXPECT_EQ(completed({"config", "s"}), (Words{"show", "schema"}));
  EXPECT_EQ(completed({"__"}), Words{});
  EXPECT_EQ(completed({"nonsense", ""}), Words{});
}

TEST(Complete, options) {
  EXPECT_EQ(completed({"logs", "--f"}), Words{"--follow"});
  EXPECT_EQ(completed({"ps", "--js"}), Words{"--json"});
  EXPECT_EQ(completed({"--colu"}), Words{});  // hidden
}

TEST(Complete, values) {
  EXPECT_EQ(completed({"offload", "execute", "--original", "s"}), Words{"stop"});
  EXPECT_EQ(completed({"offload", "execute", "--original=s"}), Words{"--original=stop"});
  EXPECT_EQ(completed({"offload", "execute", "--original", "=", "s"}), Words{"stop"});  // bash
  EXPECT_EQ(completed({"offload", "execute", "--original", "="}), (Words{"pause", "stop", "keep"}));
  EXPECT_EQ(completed({"run", "--on", "g"}), Words{"gpu1"});
  EXPECT_EQ(completed({"logs", ""}), (Words{"7", "12"}));
  EXPECT_EQ(completed({"logs", "-f", "1"}), Words{"12"});
  EXPECT_EQ(completed({"logs", "7", ""}), Words{});
  EXPECT_EQ(completed({"completion", ""}), (Words{"bash", "zsh", "fish"}));
  EXPECT_EQ(completed({"run", "--stdin", ""}), Words{":files"});
}

TEST(Complete, what_run_runs) {
  EXPECT_EQ(completed({"run", "ma"}), (Words{":files", ":programs"}));
  EXPECT_EQ(completed({"run", "--", "ma"}), (Words{":files", ":programs"}));
  EXPECT_EQ(completed({"run", "make", "--"}), Words{":files"});
}

TEST(Complete, help_topics) {
  EXPECT_EQ(completed({"help", "exit"}), Words{"exit-codes"});
  EXPECT_EQ(completed({"help", "daemon", "st"}), (Words{"start", "stop", "status"}));
}

TEST(Complete, descriptions_cannot_break_the_lines) {
  Completions completions;
  completions.words = {{"7", "running a\nb\x1b"}};
  EXPECT_EQ(to_lines(completions), "7\trunning a\\nb\\x1b\n");
}

}  // namespace
}  // namespace grid::cli
