#include "answer.hpp"

#include <gtest/gtest.h>

namespace grid::ssh {
namespace {

constexpr std::string_view mark = "mnopabcd";
constexpr std::string_view greeting = "\036mnopabcd begin m1 b1 host1 1000 some body\n";
const std::string end0 = "\036mnopabcd end 0\n";

struct Fed {
  Result<> fine;
  Answer answer;
  std::uint64_t noise = 0;
  bool complete = false;
};

// `out` in two pieces, cut at `split`.
Fed feed(const std::string& out, std::size_t split) {
  AnswerReader reader(mark);
  Fed fed;
  fed.fine = reader.err("\036mnopabcd begin\n\036mnopabcd");
  // The first request is sent before the begin comes.
  reader.expect(nullptr);
  if (fed.fine) fed.fine = reader.out(std::string_view(out).substr(0, split));
  if (fed.fine) fed.fine = reader.out(std::string_view(out).substr(split));
  EXPECT_FALSE(reader.complete()) << "standard error has not ended";
  if (fed.fine) fed.fine = reader.err(" end\n");
  fed.complete = reader.complete();
  fed.noise = reader.noise_bytes();
  fed.answer = reader.take();
  return fed;
}

TEST(Answer, EverySplit) {
  // Begins of marks, marks of others, newlines and NULs are plain bytes.
  const std::string body("a\n\036mnop\036\036mnopabcX end 0\nz\0\036mnopabc", 34);
  const std::string text = "Welcome\n\036mnopab\n" + std::string(greeting) + body + end0;
  for (std::size_t split = 0; split <= text.size(); ++split) {
    const Fed fed = feed(text, split);
    ASSERT_TRUE(fed.fine) << split << ": " << fed.fine.error().message;
    EXPECT_TRUE(fed.complete) << split;
    EXPECT_EQ(fed.answer.output, body) << split;
    EXPECT_EQ(fed.answer.status, 0);
    EXPECT_EQ(fed.noise, 16U);
  }
}

TEST(Answer, SaysWhoIsThere) {
  AnswerReader reader(mark);
  ASSERT_TRUE(reader.out(greeting));
  ASSERT_TRUE(reader.greeting());
  EXPECT_EQ(reader.greeting()->identity.machine_id, "m1");
  EXPECT_EQ(reader.greeting()->identity.boot_id, "b1");
  EXPECT_EQ(reader.greeting()->identity.host_name, "host1");
  EXPECT_EQ(reader.greeting()->uid, "1000");
  EXPECT_EQ(reader.greeting()->identity.user, "some body");
}

TEST(Answer, ComplaintAndStatusGoTogether) {
  AnswerReader reader(mark);
  ASSERT_TRUE(reader.out(greeting));
  ASSERT_TRUE(reader.err("noise\n\036mnopabcd begin\n"));
  for (const int status : {0, 3, 137}) {
    reader.expect(nullptr);
    ASSERT_TRUE(reader.err("oh\036 no\n\036mnopabcd end\n"));
    EXPECT_FALSE(reader.complete());
    ASSERT_TRUE(reader.out("\036mnopabcd end " + std::to_string(status) + "\n"));
    ASSERT_TRUE(reader.complete());
    const Answer answer = reader.take();
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.complaint, "oh\036 no\n");
    EXPECT_EQ(answer.output, "");
  }
}

TEST(Answer, OutputMayGoElsewhere) {
  AnswerReader reader(mark);
  ASSERT_TRUE(reader.out(greeting));
  std::string taken;
  reader.expect([&taken](std::string_view bytes) -> Result<> {
    taken += bytes;
    return {};
  });
  ASSERT_TRUE(reader.out("one "));
  EXPECT_EQ(taken, "one ") << "what is sure is handed on at once";
  ASSERT_TRUE(reader.out("two\036m"));
  EXPECT_EQ(taken, "one two");
  reader.expect([](std::string_view) -> Result<> { return fail(Code::cancelled, "enough"); });
  EXPECT_EQ(reader.out("three").error().code, Code::cancelled);
}

TEST(Answer, WhatIsOutOfOrderIsAnError) {
  const auto after_greeting = [](std::string_view text, bool expecting) {
    AnswerReader reader(mark);
    EXPECT_TRUE(reader.out(greeting));
    if (expecting) reader.expect(nullptr);
    return reader.out(text);
  };
  EXPECT_FALSE(after_greeting("x", false)) << "nothing was asked";
  EXPECT_FALSE(after_greeting(end0, false));
  EXPECT_FALSE(after_greeting(end0 + "x", true)) << "bytes after the end";
  EXPECT_FALSE(after_greeting(end0 + end0, true));
  EXPECT_FALSE(after_greeting(greeting, true)) << "a second begin";
  EXPECT_FALSE(after_greeting("\036mnopabcd end\n", true));
  EXPECT_FALSE(after_greeting("\036mnopabcd end 1x\n", true));
  EXPECT_FALSE(after_greeting("\036mnopabcd" + std::string(5000, 'x'), true)) << "a mark's line without end";
  EXPECT_FALSE(AnswerReader(mark).out("\036mnopabcd begin ../x b h 0 u\n")) << "no machine id";
  EXPECT_FALSE(AnswerReader(mark).out("\036mnopabcd begin m1 b h root u\n")) << "no uid";
  EXPECT_FALSE(AnswerReader(mark).out(end0)) << "an end before the begin";
}

TEST(Answer, ErrorsOfVerbs) {
  const Error refused =
      error_of({9, "", "tail: warning\ngrid ResourceConflict\tit is \033[31mtaken\ttry later\n"}, "claim");
  EXPECT_EQ(refused.code, Code::resource_conflict);
  EXPECT_EQ(refused.message, "it is \\x1b[31mtaken") << "no control character reaches a terminal";
  EXPECT_EQ(refused.hint, "try later");
  const Error other = error_of({1, "", "mkdir: No space left on device\n"}, "claim");
  EXPECT_EQ(other.code, Code::storage_failed);
  EXPECT_EQ(other.message, "claim: mkdir: No space left on device");
  EXPECT_EQ(error_of({127, "", ""}, "claim").message, "claim: exit status 127");
}

}  // namespace
}  // namespace grid::ssh
