#include "units.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "width.hpp"

namespace grid::text {
namespace {

TEST(Units, BytesAndShares) {
  EXPECT_EQ(bytes(0), "0 B");
  EXPECT_EQ(bytes(1023), "1023 B");
  EXPECT_EQ(bytes(1024), "1.0 KiB");
  EXPECT_EQ(bytes(1288490188), "1.2 GiB");
  EXPECT_EQ(bytes(1048575), "1.0 MiB");
  EXPECT_EQ(bytes(std::nullopt), "");
  EXPECT_EQ(percent(0.404), "40%");
  EXPECT_EQ(cpus(0.984), "0.98");
  EXPECT_EQ(cpus(2), "2");
}

TEST(Units, Durations) {
  EXPECT_EQ(duration(0.42), "0.4s");
  EXPECT_EQ(duration(9.96), "10s");
  EXPECT_EQ(duration(59.6), "1m00s");
  EXPECT_EQ(duration(192), "3m12s");
  EXPECT_EQ(duration(3599), "59m59s");
  EXPECT_EQ(duration(5400), "1h30m");
  EXPECT_EQ(duration(7500), "2h05m");
  EXPECT_EQ(duration(273600), "3d04h");
  EXPECT_EQ(duration(-3), "0s");
  EXPECT_EQ(duration(std::nullopt), "");
}

TEST(Units, Times) {
  const auto time = parse_time("2026-01-31T12:00:00.250Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(time->time_since_epoch().count(), 1769860800250);
  for (const char* bad :
       {"", "2026-01-31", "2026-13-31T12:00:00.000Z", "2026-02-30T12:00:00.000Z", "2026-01-31T25:00:00.000Z",
        "2026-01-31T12:00:00.000", "2026-01-31Tab:00:00.000Z", "....-..-..T..:..:...000Z"})
    EXPECT_FALSE(parse_time(bad)) << bad;
}

TEST(Width, CellsOfWideAndCombiningCharacters) {
  EXPECT_EQ(cells("abc"), 3U);
  EXPECT_EQ(cells("日本"), 4U);
  EXPECT_EQ(cells("e\u0301"), 1U);
  EXPECT_EQ(cells("😀"), 2U);
  EXPECT_EQ(cells("█…"), 2U);
}

TEST(Width, CutsBetweenCharacters) {
  EXPECT_EQ(cut("abcdef", 6, "…"), "abcdef");
  EXPECT_EQ(cut("abcdef", 5, "…"), "abcd…");
  EXPECT_EQ(cut("日本語", 4, "…"), "日…");
  EXPECT_EQ(cut("abcdef", 2, "..."), "ab");
  EXPECT_EQ(to_ascii("é 😀"), "\\u00e9 \\U0001f600");
}

TEST(Width, WrapsAtBlanksAndLosesNothingElse) {
  EXPECT_EQ(wrap("one two three", 8), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap("abcdefgh", 3), (std::vector<std::string>{"abc", "def", "gh"}));
  EXPECT_EQ(wrap("", 5), std::vector<std::string>{""});
  EXPECT_TRUE(rc::check([] {
    const auto text = *rc::gen::container<std::string>(rc::gen::element('a', 'b', ' '));
    const auto most = *rc::gen::inRange<std::size_t>(1, 12);
    std::string joined;
    for (const std::string& line : wrap(text, most)) {
      RC_ASSERT(cells(line) <= most);
      joined += line;
    }
    const auto letters = [](std::string s) {
      std::erase(s, ' ');
      return s;
    };
    RC_ASSERT(letters(joined) == letters(text));
  }));
}

}  // namespace
}  // namespace grid::text
