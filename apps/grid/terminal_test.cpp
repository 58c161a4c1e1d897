#include "apps/grid/terminal.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "grid/sdk/bytes.hpp"

namespace grid::cli {
namespace {

TEST(SafeText, shows_what_would_be_obeyed) {
  SafeText text;
  EXPECT_EQ(text.pass("a\x1b[2Jb\tc\n"), "a\\x1b[2Jb\tc\n");
  EXPECT_EQ(text.pass("10%\r20%\r\ndone\r"), "10%\n20%\ndone");
  EXPECT_EQ(text.finish(), "\n");
}

TEST(SafeText, characters_may_come_in_pieces) {
  SafeText text;
  std::string out;
  for (const char c : std::string("naïve 漢字 🙂\xff!")) out += text.pass(std::string(1, c));
  EXPECT_EQ(out + text.finish(), "naïve 漢字 🙂\\xff!");
  EXPECT_EQ(text.pass("\xe6\xbc"), "");
  EXPECT_EQ(text.finish(), "\\xe6\\xbc");
}

RC_GTEST_PROP(SafeTextProperty, pieces_do_not_matter,
              (const std::string& bytes, const std::vector<std::uint8_t>& cuts)) {
  SafeText whole;
  std::string expected = whole.pass(bytes);
  expected += whole.finish();
  SafeText parts;
  std::string out;
  std::size_t at = 0;
  for (const std::uint8_t cut : cuts) {
    const std::size_t end = std::min(bytes.size(), at + cut % 8);
    out += parts.pass(std::string_view(bytes).substr(at, end - at));
    at = end;
  }
  out += parts.pass(std::string_view(bytes).substr(at));
  out += parts.finish();
  RC_ASSERT(out == expected);
  RC_ASSERT(is_utf8(expected));
}

}  // namespace
}  // namespace grid::cli
