#include "grid/sdk/bytes.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace grid {
namespace {

TEST(Utf8, IsWhatRfc3629Says) {
  for (const char* good : {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xff", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80",
                          "\xed\xbf\xbf", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                          "\xe2\x82", "a\xe2\x28\xa1", "\xf0\x9f\x98"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

TEST(Visible, NothingReachesATerminal) {
  EXPECT_EQ(visible("a\x1b[31m\n\t\r\x7f"), "a\\x1b[31m\\n\\t\\r\\x7f");
  EXPECT_EQ(visible("a\n\tb", true), "a\n\tb");
  EXPECT_EQ(visible("\r", true), "\\r");
  EXPECT_EQ(visible("\xc2\x9b"
                    "31m"),
            "\\x9b31m");                          // a C1 control is as good as an escape
  EXPECT_EQ(visible("\xe2\x80\xae"), "\\u202e");  // right to left
  EXPECT_EQ(visible("\xe2\x80\x8b\xef\xbb\xbf"), "\\u200b\\ufeff");
  EXPECT_EQ(visible("\xf3\xa0\x81\x81"), "\\U000e0041");  // tags
  EXPECT_EQ(visible("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(visible("\xc3\xa4\xf0\x9f\x98\x80"), "\xc3\xa4\xf0\x9f\x98\x80");
}

RC_GTEST_PROP(Visible, IsAlwaysUtf8WithoutControls, (const std::string& text)) {
  const std::string shown = visible(text);
  RC_ASSERT(is_utf8(shown));
  for (const char c : shown) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  RC_ASSERT(visible(shown) == shown);
}

TEST(Base64, IsStrict) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
  for (const char* bad :
       {"Z", "Zg", "Zg=", "Zg===", "=g==", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9vYmF\n", "Zm-_"}) {
    EXPECT_FALSE(decode_base64(bad)) << bad;
  }
}

RC_GTEST_PROP(Base64, GoesThereAndBack, (const std::string& bytes)) {
  RC_ASSERT(decode_base64(encode_base64(bytes)).value() == bytes);
}

RC_GTEST_PROP(Base64, OnlyOneTextForEachValue, (const std::string& text)) {
  if (const auto bytes = decode_base64(text)) RC_ASSERT(encode_base64(*bytes) == text);
}

TEST(Nearest, FindsSlipsOnly) {
  const std::vector<std::string> names{"threshold", "queue", "hybrid", "ab"};
  EXPECT_EQ(nearest("treshold", names), "threshold");
  EXPECT_EQ(nearest("qeuue", names), "queue");
  EXPECT_EQ(nearest("hybird", names), "hybrid");
  EXPECT_EQ(nearest("cd", names), "");  // two changes of two letters are another word
  EXPECT_EQ(nearest("local", names), "");
  EXPECT_EQ(nearest(std::string(1000, 'a'), names), "");
  EXPECT_EQ(nearest("", {}), "");
}

}  // namespace
}  // namespace grid
