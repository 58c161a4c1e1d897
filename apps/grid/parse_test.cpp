#include "apps/grid/parse.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace grid::cli {
namespace {

using Words = std::vector<std::string>;

Invocation good(const Words& words) {
  Invocation invocation;
  auto parsed = parse(words, invocation);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return invocation;
}

Error bad(const Words& words) {
  Invocation invocation;
  auto parsed = parse(words, invocation);
  EXPECT_FALSE(parsed) << "accepted";
  return parsed ? Error{} : parsed.error();
}

TEST(Parse, commands_of_one_and_two_words) {
  EXPECT_EQ(good({"ps"}).arguments.command->path, "ps");
  EXPECT_EQ(good({"offload", "scan"}).arguments.command->path, "offload scan");
  EXPECT_EQ(good({"--json", "offload", "--no-start", "scan", "--top", "3"}).path, "offload scan");
  EXPECT_EQ(good({}).arguments.command, nullptr);
}

// The traps of Boost.Program_options.
TEST(Parse, trap_no_guessing_from_a_prefix) {
  const Error error = bad({"ps", "--js"});
  EXPECT_EQ(error.message, "unknown option '--js'");
  EXPECT_EQ(bad({"--js", "ps"}).message, "unknown option '--js'");
}

TEST(Parse, trap_a_negative_number_does_not_wrap) {
  EXPECT_EQ(bad({"ps", "--limit", "-5"}).message, "--limit: expected a whole number, not '-5'");
  EXPECT_EQ(bad({"run", "--cpus=-1", "true"}).message, "--cpus: expected a number of at least 0, not '-1'");
  EXPECT_EQ(bad({"run", "--memory=-8G", "true"}).code, Code::usage);
  EXPECT_EQ(bad({"ps", "--limit", "99999999999999999999"}).code, Code::usage);
  EXPECT_EQ(bad({"ps", "--limit", "1e3"}).code, Code::usage);
  EXPECT_EQ(bad({"run", "--cpus=nan", "true"}).code, Code::usage);
  EXPECT_EQ(bad({"run", "--cpus=inf", "true"}).code, Code::usage);
}

TEST(Parse, trap_an_option_takes_one_word) {
  const Invocation invocation = good({"run", "--label", "gpu", "--label", "big", "echo", "--label", "x"});
  EXPECT_EQ(invocation.arguments.list("label"), (Words{"gpu", "big"}));
  EXPECT_EQ(invocation.arguments.positionals(), (Words{"echo", "--label", "x"}));
}

TEST(Parse, trap_repeated_flags_and_options_are_fine_and_the_last_wins) {
  const Invocation invocation = good({"offload", "scan", "--json", "--json", "--top", "3", "--top=7"});
  EXPECT_TRUE(invocation.arguments.has("json"));
  EXPECT_EQ(invocation.arguments.number("top"), 7);
}

TEST(Parse, trap_an_empty_value_is_a_value) {
  EXPECT_EQ(good({"run", "--stdin=", "true"}).arguments.text("stdin"), "");
  EXPECT_EQ(good({"run", "--stdin", "", "true"}).arguments.text("stdin"), "");
  EXPECT_EQ(bad({"ps", "--limit="}).message, "--limit: expected a whole number, not ''");
}

TEST(Parse, trap_run_ends_its_options_at_the_first_other_word) {
  const Invocation invocation = good({"run", "-d", "ls", "-l", "--json", "-h"});
  EXPECT_EQ(invocation.arguments.positionals(), (Words{"ls", "-l", "--json", "-h"}));
  EXPECT_FALSE(invocation.arguments.has("json"));
  EXPECT_FALSE(invocation.help);
  EXPECT_EQ(good({"run", "--", "-weird", "--", "x"}).arguments.positionals(), (Words{"-weird", "--", "x"}));
}

TEST(Parse, trap_unknown_options_get_a_suggestion) {
  const Error error = bad({"offload", "execute", "1", "--orignal", "pause"});
  EXPECT_EQ(error.message, "unknown option '--orignal'");
  EXPECT_EQ(error.hint, "did you mean '--original'?");
  EXPECT_EQ(bad({"offload", "execute", "1", "--orignal=pause"}).hint, "did you mean '--original'?");
  EXPECT_EQ(bad({"ps", "-x"}).message, "unknown option '-x'");
}

TEST(Parse, options_stand_anywhere_and_end_at_two_dashes) {
  EXPECT_EQ(good({"logs", "7", "-f"}).arguments.positionals(), Words{"7"});
  EXPECT_TRUE(good({"logs", "7", "-f"}).arguments.has("follow"));
  EXPECT_EQ(good({"logs", "-f", "--", "7"}).arguments.positionals(), Words{"7"});
  EXPECT_EQ(good({"why", "--", "-odd-name"}).arguments.positionals(), Words{"-odd-name"});
}

TEST(Parse, short_options_join_and_hold_values) {
  EXPECT_EQ(good({"run", "-eA=1", "-e", "B", "-de", "C=--x", "true"}).arguments.list("env"),
            (Words{"A=1", "B", "C=--x"}));
  EXPECT_TRUE(good({"run", "-deA=1", "true"}).arguments.has("detach"));
  EXPECT_EQ(good({"run", "-e", "--", "true"}).arguments.list("env"), Words{"--"});
}

TEST(Parse, missing_and_surplus_values) {
  EXPECT_EQ(bad({"run", "--on"}).message, "option '--on' needs a value");
  EXPECT_EQ(bad({"ps", "--json=yes"}).message, "option '--json' takes no value");
  EXPECT_EQ(bad({"run"}).message, "COMMAND is missing");
  EXPECT_EQ(bad({"ps", "7"}).message, "unexpected argument '7'");
  EXPECT_EQ(good({"logs"}).arguments.positional(0), std::nullopt);  // asked for later
}

TEST(Parse, types_of_words) {
  EXPECT_EQ(good({"wait", "7.3", "--timeout", "5"}).arguments.number("timeout"), 5);
  EXPECT_EQ(good({"wait", "7", "--timeout", "1500ms"}).arguments.number("timeout"), 1.5);
  EXPECT_EQ(good({"run", "--memory", "8G", "x"}).arguments.number("memory"), 8.0 * 1024 * 1024 * 1024);
  EXPECT_EQ(good({"run", "--cpus", "0.5", "x"}).arguments.number("cpus"), 0.5);
  EXPECT_EQ(good({"run", "x"}).arguments.number("cpus"), 1);
  EXPECT_EQ(bad({"wait", "seven"}).hint, "see: grid ps");
  EXPECT_EQ(bad({"wait", "7."}).code, Code::usage);
  EXPECT_EQ(bad({"offload", "execute", "0"}).code, Code::usage);
  EXPECT_EQ(bad({"offload", "execute", "1", "--original", "paus"}).hint, "did you mean 'pause'?");
  EXPECT_EQ(bad({"completion", "tcsh"}).code, Code::usage);
}

TEST(Parse, unknown_commands) {
  EXPECT_EQ(bad({"statsu"}).hint, "did you mean 'grid status'?");
  EXPECT_EQ(bad({"offload", "scna"}).hint, "did you mean 'grid offload scan'?");
  EXPECT_EQ(bad({"offload"}).message, "'grid offload' needs a verb");
  EXPECT_EQ(bad({"off"}).message, "unknown command 'off'");  // no abbreviations
  EXPECT_EQ(bad({"\x1b[2J"}).message, "unknown command '\\x1b[2J'");
}

TEST(Parse, help_and_version_win) {
  EXPECT_TRUE(good({"ps", "--bogus", "-h"}).help);
  EXPECT_EQ(good({"offload", "-h"}).path, "offload");
  EXPECT_TRUE(good({"--version"}).version);
}

RC_GTEST_PROP(ParseProperty, what_follows_run_arrives_byte_by_byte, (const Words& words)) {
  Words all{"run", "--"};
  all.insert(all.end(), words.begin(), words.end());
  all.emplace_back("end");
  Invocation invocation;
  RC_ASSERT(parse(all, invocation).has_value());
  RC_ASSERT(invocation.arguments.positionals() == Words(all.begin() + 2, all.end()));
}

RC_GTEST_PROP(ParseProperty, nothing_throws, (Words words)) {
  words.insert(words.begin(), *rc::gen::element<std::string>("ps", "run", "offload", "logs", "--json"));
  Invocation invocation;
  (void)parse(words, invocation);
}

TEST(Table, is_consistent) {
  for (const Command& command : commands()) {
    EXPECT_NE(command.run, nullptr) << command.path;
    EXPECT_FALSE(command.summary.empty()) << command.path;
    EXPECT_EQ(find_command(command.path), &command) << "twice: " << command.path;
    for (const Option& option : command.options) {
      EXPECT_EQ(find_option(&command, option.name), &option) << command.path << " --" << option.name;
      EXPECT_EQ(find_option(nullptr, option.name), nullptr) << "also global: --" << option.name;
      if (option.letter != 0) {
        EXPECT_EQ(find_option(&command, option.letter), &option) << option.name;
      }
      EXPECT_FALSE(option.help.empty()) << option.name;
      EXPECT_EQ(option.metavar.empty(), option.type == ArgType::flag) << option.name;
      if (!option.fallback.empty()) {
        EXPECT_TRUE(check_word(option.type, option.name, option.fallback, option.choices, option.minimum,
                               option.maximum))
            << option.name;
      }
    }
  }
}

}  // namespace
}  // namespace grid::cli
