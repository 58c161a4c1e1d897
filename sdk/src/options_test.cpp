#include "grid/sdk/options.hpp"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

namespace grid {
namespace {

TEST(Duration, NeedsAUnit) {
  EXPECT_EQ(parse_duration("500ms").value(), 0.5);
  EXPECT_EQ(parse_duration("20s").value(), 20);
  EXPECT_EQ(parse_duration("1.5m").value(), 90);
  EXPECT_EQ(parse_duration("2h").value(), 7200);
  EXPECT_EQ(parse_duration("1d").value(), 86400);
  for (const char* bad :
       {"", "s", "20", "-1s", "1 s", " 1s", "1s ", "infs", "nans", "1e999s", "0x1s", "1w", "+1s"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Size, IsInPowersOf1024) {
  EXPECT_EQ(parse_size("1048576").value(), 1048576);
  EXPECT_EQ(parse_size("8G").value(), 8LL << 30U);
  EXPECT_EQ(parse_size("8GiB").value(), 8LL << 30U);
  EXPECT_EQ(parse_size("8GB").value(), 8LL << 30U);
  EXPECT_EQ(parse_size("1.5K").value(), 1536);
  EXPECT_EQ(parse_size("0").value(), 0);
  for (const char* bad : {"", "G", "-1G", "8 G", "8g", "8GG", "9000P0", "99999999P", "inf", "nan"})
    EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Option, IsParsedByItsTypeAndChecked) {
  const OptionSpec integer{"n", OptionType::integer, "1", "", "", 1, 10};
  EXPECT_EQ(std::get<std::int64_t>(parse_option(integer, "10").value()), 10);
  for (const char* bad : {"0", "11", "010", "1.0", "", "one", "0x1", "99999999999999999999"})
    EXPECT_FALSE(parse_option(integer, bad)) << bad;
  const OptionSpec number{"x", OptionType::number, "0.5", "", "fraction", 0, 1};
  EXPECT_EQ(std::get<double>(parse_option(number, "0.85").value()), 0.85);
  EXPECT_NE(parse_option(number, "2").error().message.find("(fraction)"), std::string::npos);
  EXPECT_FALSE(parse_option(number, "nan"));
  const OptionSpec choice{"c", OptionType::choice, "a", "", "", 0, 0, "a|bc|d"};
  EXPECT_EQ(std::get<std::string>(parse_option(choice, "bc").value()), "bc");
  for (const char* bad : {"", "b", "a|bc", "e", "A"}) EXPECT_FALSE(parse_option(choice, bad)) << bad;
  const OptionSpec boolean{"b", OptionType::boolean, "true", ""};
  EXPECT_TRUE(std::get<bool>(parse_option(boolean, "true").value()));
  for (const char* bad : {"yes", "True", "1", ""}) EXPECT_FALSE(parse_option(boolean, bad)) << bad;
}

constexpr std::array<OptionSpec, 4> specs{{{"wait", OptionType::duration, "20s", ""},
                                           {"room", OptionType::size, "8G", ""},
                                           {"names", OptionType::list, "", ""},
                                           {"wrong", OptionType::integer, "many", ""}}};

TEST(Options, HoldTheDefaultsAndRefuseWhatWasNotDeclared) {
  const Options options(default_values(specs));
  EXPECT_EQ(options.number("wait"), 20);
  EXPECT_EQ(options.integer("room"), 8LL << 30U);
  EXPECT_TRUE(options.list("names").empty());
  EXPECT_EQ(options.number("room"), static_cast<double>(8LL << 30U));
  EXPECT_THROW(static_cast<void>(options.integer("wrong")), std::logic_error);
  EXPECT_THROW(static_cast<void>(options.text("wait")), std::logic_error);
  EXPECT_THROW(static_cast<void>(options.boolean("nothing")), std::logic_error);
}

}  // namespace
}  // namespace grid
