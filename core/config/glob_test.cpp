#include "core/config/glob.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fnmatch.h>

#include <string>

namespace grid {
namespace {

TEST(Glob, Table) {
  const struct {
    std::string_view pattern, text;
    bool matches;
  } table[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "abc", true},
      {"a*", "abc", true},
      {"a*", "ba", false},
      {"*c", "abc", true},
      {"a*c", "ac", true},
      {"a*c", "abcd", false},
      {"python*", "python3.11", true},
      {"?", "", false},
      {"?", "a", true},
      {"LC_*", "LC_ALL", true},
      {"LC_*", "LANG", false},
      {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},
      {"[!a-c]x", "dx", true},
      {"[!a-c]x", "ax", false},
      {"[]]", "]", true},
      {"[]a]", "a", true},
      {"[a", "[a", true},
      {"[", "[", true},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"a\\", "a\\", true},
      {"[a-]", "-", true},
      {"*a*b*c*", "xaybzc", true},
      {"/usr/bin/*", "/usr/bin/x", true},
      {"**", "x", true},
      {"*?", "", false},
      {"a**b", "ab", true},
      {"\xC3*", "\xC3\xA9", true},
  };
  for (const auto& [pattern, text, matches] : table)
    EXPECT_EQ(glob_match(pattern, text), matches) << pattern << " " << text;
}

TEST(Glob, ManyStarsAreNotExponential) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(glob_match(pattern + "b", std::string(5000, 'a')));
}

// The C library agrees, over an alphabet without what it treats in its own way ([ ], \ and bytes of a
// locale).
RC_GTEST_PROP(Glob, AgreesWithFnmatch, ()) {
  const auto pattern = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab*?")));
  const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab")));
  RC_ASSERT(glob_match(pattern, text) == (::fnmatch(pattern.c_str(), text.c_str(), 0) == 0));
}

}  // namespace
}  // namespace grid
