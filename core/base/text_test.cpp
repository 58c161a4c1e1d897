#include "core/base/text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace grid {
namespace {

TEST(Rfc3339, IsUtcWithMilliseconds) {
  EXPECT_EQ(rfc3339_ms(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339_ms(1769860800123), "2026-01-31T12:00:00.123Z");
  EXPECT_EQ(rfc3339_ms(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(rfc3339_ms(951782400000), "2000-02-29T00:00:00.000Z");
}

TEST(Bytes, AStringWhereTheyAreUtf8ElseBase64) {
  EXPECT_EQ(bytes_to_json("\xc3\xa4"), Json("\xc3\xa4"));
  EXPECT_EQ(bytes_to_json("\xff"), Json({{"b64", "/w=="}}));
  for (const char* bad :
       {"7", "null", "[]", "{}", R"({"b64":7})", R"({"b64":"!"})", R"({"b64":"","x":1})", R"({"B64":""})"})
    EXPECT_FALSE(bytes_from_json(Json::parse(bad))) << bad;
  EXPECT_FALSE(bytes_list_from_json(Json("a")));
  EXPECT_FALSE(bytes_list_from_json(Json::parse(R"(["a",7])")));
}

RC_GTEST_PROP(Bytes, SurviveJson, (const std::vector<std::string>& list)) {
  const Json parsed = parse_json(dump_json(bytes_list_to_json(list))).value();
  RC_ASSERT(bytes_list_from_json(parsed).value() == list);
}

TEST(ParseJson, BoundsTheDepthAndNeverThrows) {
  EXPECT_TRUE(parse_json(std::string(60, '[') + std::string(60, ']')));
  EXPECT_FALSE(parse_json(std::string(70, '[') + std::string(70, ']')));
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_FALSE(parse_json(deep));
  for (const char* bad : {"", "{", "nul", "{\"a\":}", "\"\xff\"", "[1,]", "1 2", "NaN", "\"\\ud800\""})
    EXPECT_FALSE(parse_json(bad)) << bad;
}

RC_GTEST_PROP(ParseJson, TakesAnything, (const std::string& text)) { static_cast<void>(parse_json(text)); }

TEST(Errors, GoThroughJson) {
  const Error error{Code::no_eligible_target, "no worker", "add one", "policy", true};
  const Error back = error_from_json(error_to_json(error));
  EXPECT_EQ(back.code, error.code);
  EXPECT_EQ(back.message, error.message);
  EXPECT_EQ(back.hint, error.hint);
  EXPECT_EQ(back.origin, error.origin);
  EXPECT_TRUE(back.retryable);
  for (const char* bad : {"7", "{}", R"({"error":7})"})
    EXPECT_EQ(error_from_json(Json::parse(bad)).code, Code::internal) << bad;
}

TEST(RandomHex, IsLongAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(seen.insert(random_hex(8)).second);
  EXPECT_EQ(seen.begin()->size(), 16U);
}

}  // namespace
}  // namespace grid
