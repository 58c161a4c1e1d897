// Names and exit codes are part of the API.
#include <gtest/gtest.h>

#include <set>

#include "grid/sdk/model.hpp"
#include "grid/sdk/plugin.hpp"
#include "grid/sdk/result.hpp"

namespace grid {
namespace {

TEST(Codes, EachHasANameOfItsOwnThatLeadsBack) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
    const auto code = static_cast<Code>(i);
    EXPECT_TRUE(names.insert(to_string(code)).second) << to_string(code);
    EXPECT_EQ(code_from_string(to_string(code)), code);
  }
  EXPECT_EQ(code_from_string("Nonsense"), Code::internal);
}

TEST(Codes, ExitCodesAreTheDocumentedOnes) {
  EXPECT_EQ(exit_code(Code::usage), 2);
  EXPECT_EQ(exit_code(Code::config_invalid), 2);
  EXPECT_EQ(exit_code(Code::not_found), 3);
  EXPECT_EQ(exit_code(Code::process_not_found), 3);
  for (const Code refused : {Code::policy_denied, Code::no_eligible_target, Code::not_restartable,
                             Code::resource_conflict, Code::preflight_failed})
    EXPECT_EQ(exit_code(refused), 4);
  EXPECT_EQ(exit_code(Code::node_unreachable), 5);
  EXPECT_EQ(exit_code(Code::host_key_mismatch), 5);
  EXPECT_EQ(exit_code(Code::daemon_unavailable), 6);
  EXPECT_EQ(exit_code(Code::timed_out), 124);
  EXPECT_EQ(exit_code(Code::cannot_run), 126);
  EXPECT_EQ(exit_code(Code::program_not_found), 127);
  EXPECT_EQ(exit_code(Code::internal), 1);
}

TEST(Names, AreTheWordsOfTheJson) {
  EXPECT_EQ(to_string(Kind::metrics), "metrics");
  EXPECT_EQ(to_string(Role::worker), "worker");
  EXPECT_EQ(to_string(NodeState::suspect), "suspect");
  EXPECT_EQ(to_string(Restartable::with_loss), "with_loss");
}

}  // namespace
}  // namespace grid
