#include "core/daemon/preflight.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace grid {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(PreflightVerdict, NamesWhatIsMissingWhereItLookedAndTheFix) {
  ProbeSpec asked;
  asked.programs = {"npm"};
  asked.setup = EnvironmentSetup{"node", {"node", "npm"}, {}, {"~/bin"}, {"~/.nvm/nvm.sh"}};
  ProbeReport report;
  report.user = "ob";
  report.path_before = "/usr/bin";
  report.path = "/home/ob/bin:/usr/bin";
  report.found = {""};
  report.found_required = {"/usr/bin/node", ""};
  const auto verdict = preflight_verdict("gpu3", asked, report);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, Code::program_not_found);
  EXPECT_FALSE(verdict.error().retryable);
  for (const char* part :
       {"gpu3 (as ob) has no npm,", "environment 'node'", "looked in /home/ob/bin:/usr/bin",
        "PATH was /usr/bin", "of ~/.nvm/nvm.sh none exists there"})
    EXPECT_THAT(verdict.error().message, HasSubstr(part));
  EXPECT_THAT(verdict.error().hint, HasSubstr("nodes.gpu3.environments.node.path"));
  report.sourced = {"/home/ob/.nvm/nvm.sh"};
  EXPECT_THAT(preflight_verdict("gpu3", asked, report).error().message,
              HasSubstr("read /home/ob/.nvm/nvm.sh"));
  report.found = report.found_required = {"/x", "/x"};
  EXPECT_TRUE(preflight_verdict("gpu3", asked, report));
}

TEST(PreflightVerdict, WithoutAnEnvironment) {
  ProbeSpec asked;
  asked.programs = {"make"};
  asked.folders = {"/home/me"};
  ProbeReport report;
  report.found = {""};
  const auto verdict = preflight_verdict("w1", asked, report);
  EXPECT_THAT(verdict.error().message, HasSubstr("w1 has no make: looked in an empty PATH"));
  EXPECT_THAT(verdict.error().message, Not(HasSubstr("environment '")));
  report.found = {"/usr/bin/make"};
  report.missing_folders = {"/home/me"};
  const auto folder = preflight_verdict("w1", asked, report);
  EXPECT_EQ(folder.error().code, Code::preflight_failed);
  EXPECT_EQ(folder.error().message, "w1 has no folder /home/me");
}

// Control characters of the far end's answer never reach a terminal.
TEST(PreflightVerdict, ShowsWhatComesFromThereAsText) {
  ProbeSpec asked;
  asked.programs = {"make"};
  ProbeReport report;
  report.user = "\x1b[2J";
  report.path = "\x1b]0;x\x07";
  report.found = {""};
  EXPECT_THAT(preflight_verdict("w1", asked, report).error().message, Not(HasSubstr("\x1b")));
}

TEST(RunOptions, OfABodyAndBack) {
  const auto options = run_options_from_body(Json{{"named", {"PATH", "MODE"}},
                                                  {"environment_name", "node"},
                                                  {"in", {"./a/", "a", "."}},
                                                  {"out", {"b"}}},
                                             "/work");
  ASSERT_TRUE(options);
  EXPECT_THAT(options->named, ElementsAre("PATH"));
  EXPECT_THAT(options->inputs, ElementsAre("a", "."));
  TaskRecord record;
  record.detail["options"] = run_options_to_json(*options);
  EXPECT_FALSE(record.moves());
  const RunOptions back = run_options_of(record);
  EXPECT_EQ(back.named, options->named);
  EXPECT_EQ(back.environment, "node");
  EXPECT_EQ(back.inputs, options->inputs);
  EXPECT_THAT(back.outputs, ElementsAre("b"));
  EXPECT_TRUE(run_options_to_json(RunOptions{}).is_null());
  EXPECT_FALSE(run_options_from_body(Json{{"in", {"../a"}}}, "/work"));
  EXPECT_FALSE(run_options_from_body(Json{{"in", {"a"}}}, ""));
  EXPECT_FALSE(run_options_from_body(Json{{"in", 7}}, "/work"));
}

}  // namespace
}  // namespace grid
