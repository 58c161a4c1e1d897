#include "core/move/ignore.hpp"

#include <fnmatch.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace grid {
namespace {

IgnoreRules rules(std::string_view text) {
  auto parsed = IgnoreRules::parse(text, ".gridignore");
  EXPECT_TRUE(parsed);
  return parsed.value_or(IgnoreRules());
}

TEST(IgnoreRules, NamesMatchAtAnyDepth) {
  const IgnoreRules r = rules("*.o\n\n# a remark\nbuild  \r\n");
  EXPECT_TRUE(r.ignores("a.o", false));
  EXPECT_TRUE(r.ignores("deep/down/a.o", false));
  EXPECT_TRUE(r.ignores("deep/build", true));
  EXPECT_FALSE(r.ignores("a.oo", false));
  EXPECT_FALSE(r.ignores("# a remark", false));
}

TEST(IgnoreRules, FolderAndAnchoredPatterns) {
  const IgnoreRules r = rules("cache/\n/top\na/*.txt\n");
  EXPECT_TRUE(r.ignores("x/cache", true));
  EXPECT_FALSE(r.ignores("x/cache", false)) << "a file of that name stays";
  EXPECT_TRUE(r.ignores("top", false));
  EXPECT_FALSE(r.ignores("x/top", false));
  EXPECT_TRUE(r.ignores("a/b.txt", false));
  EXPECT_FALSE(r.ignores("a/b/c.txt", false)) << "a star meets no slash";
  EXPECT_FALSE(r.ignores("x/a/b.txt", false));
}

TEST(IgnoreRules, RefuseWhatTheyDoNotKnow) {
  const auto negated = IgnoreRules::parse("a\n!b\n", "here/.gridignore");
  ASSERT_FALSE(negated);
  EXPECT_EQ(negated.error().code, Code::config_invalid);
  EXPECT_TRUE(negated.error().message.starts_with("here/.gridignore:2: ")) << negated.error().message;
  EXPECT_FALSE(IgnoreRules::parse("a/**/b", "x"));
  EXPECT_FALSE(IgnoreRules::parse("/", "x"));
}

TEST(Glob, TakesNoTimeForManyStars) {
  const std::string text(5000, 'a');
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";
  EXPECT_FALSE(glob_matches(pattern + "b", text));
}

TEST(Glob, MatchesAnyByte) {
  EXPECT_TRUE(glob_matches("?\xfe*", "\xff\xfe\n"));
  EXPECT_TRUE(glob_matches("[\x80-\xff]", "\xc3"));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_TRUE(glob_matches("**", ""));
  EXPECT_TRUE(glob_matches("[a", "[a"));
  EXPECT_TRUE(glob_matches("a\\", "a\\")) << "a backslash at the end is itself";
}

// fnmatch in the C locale is the reference. Patterns are made of whole elements (broken ones it reads its own
// way), texts of something that the element matches, and then one change.
RC_GTEST_PROP(Glob, AgreesWithFnmatch, ()) {
  const std::vector<std::pair<std::string, std::string>> elements{
      {"a", "a"},     {"b", "b"},    {"*", ""},    {"*", "ab"},  {"?", "c"}, {"[ab]", "b"},  {"[!a]", "b"},
      {"[a-c]", "b"}, {"[]a]", "]"}, {"\\*", "*"}, {"\\[", "["}, {".", "."}, {"[^b-c]", "a"}};
  const auto pairs =
      *rc::gen::container<std::vector<std::pair<std::string, std::string>>>(rc::gen::elementOf(elements));
  std::string pattern;
  std::string text;
  for (const auto& [element, match] : pairs) {
    pattern += element;
    text += match;
  }
  if (*rc::gen::arbitrary<bool>())
    text.insert(*rc::gen::inRange<std::size_t>(0, text.size() + 1), 1,
                *rc::gen::elementOf(std::string("abc*[].")));
  const bool expected = ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
  RC_CLASSIFY(expected);
  RC_ASSERT(glob_matches(pattern, text) == expected);
}

// A pattern made from a path by putting stars in place of parts of its name must match that path.
RC_GTEST_PROP(IgnoreRules, APatternMadeFromAPathMatchesIt, ()) {
  const auto name = rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'f')));
  const auto parts = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(name));
  std::string path;
  std::string anchored;
  for (const std::string& part : parts) {
    path += (path.empty() ? "" : "/") + part;
    anchored += '/' + part.substr(0, *rc::gen::inRange<std::size_t>(0, part.size())) + '*';
  }
  RC_ASSERT(rules(anchored).ignores(path, false));
  RC_ASSERT(rules(parts.back()).ignores(path, false));
  RC_ASSERT(!rules(anchored + "/x").ignores(path, false));
  RC_ASSERT(!rules(anchored + '/').ignores(path, false));
  RC_ASSERT(rules(anchored + '/').ignores(path, true));
}

}  // namespace
}  // namespace grid
