// The run directory's format: what is written is read back, and nothing else is taken for it.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "grid/sdk/run_directory.hpp"

namespace grid::run_directory {
namespace {

std::string bytes() {
  auto text = *rc::gen::arbitrary<std::string>();
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  return text;
}
std::vector<std::string> list() {
  std::vector<std::string> values(*rc::gen::inRange<std::size_t>(0, 6));
  for (auto& value : values) value = bytes();
  return values;
}

Spec any_spec() {
  Spec spec{bytes(),
            bytes(),
            bytes(),
            *rc::gen::arbitrary<bool>(),
            {},
            *rc::gen::inRange(1U, 99U),
            list(),
            bytes(),
            list(),
            list(),
            bytes(),
            std::nullopt,
            *rc::gen::inRange(0, 100000) / 1000.0};
  spec.argv.push_back(bytes());
  std::uint32_t element = 0;
  for (auto more = *rc::gen::inRange(1, 40); more > 0; --more) {
    element += *rc::gen::element(1U, 1U, 1U, 5U);
    spec.elements.push_back({element, *rc::gen::element(1U, 1U, 2U)});
  }
  if (*rc::gen::arbitrary<bool>()) std::reverse(spec.elements.begin(), spec.elements.end());
  if (*rc::gen::arbitrary<bool>()) spec.umask = *rc::gen::inRange(0U, 512U);
  return spec;
}

TEST(Format, SpecsSurvive) {
  EXPECT_TRUE(rc::check([] {
    const Spec spec = any_spec();
    const auto read = decode_spec(encode(spec));
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->nonce == spec.nonce && read->cookie == spec.cookie && read->execution == spec.execution);
    RC_ASSERT(read->array == spec.array && read->slots == spec.slots && read->argv == spec.argv);
    RC_ASSERT(read->cwd == spec.cwd && read->environment == spec.environment &&
              read->stdin_path == spec.stdin_path && read->inherit == spec.inherit);
    RC_ASSERT(read->umask == spec.umask && read->grace_seconds == spec.grace_seconds);
    RC_ASSERT(read->elements.size() == spec.elements.size());
    for (std::size_t i = 0; i < spec.elements.size(); ++i) {
      RC_ASSERT(read->elements[i].element == spec.elements[i].element);
      RC_ASSERT(read->elements[i].attempt == spec.elements[i].attempt);
    }
  }));
}

TEST(Format, ACutSpecIsNoSpec) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = encode(any_spec());
    RC_ASSERT(!decode_spec(text.substr(0, *rc::gen::inRange<std::size_t>(0, text.size()))).has_value());
  }));
}

TEST(Format, WrongSpecsAreRefusedByLine) {
  const std::string good =
      "grid-run 2\nnonce a\ncookie b\nexecution c\narray no\nelements 0-2:1 9:4\nslots 1\ngrace_ms 0\narg "
      "true\nend\n";
  ASSERT_TRUE(decode_spec(good));
  EXPECT_EQ(decode_spec(good)->elements.size(), 4U);
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return decode_spec(text);
  };
  for (const auto* const wrong : {"elements 0-2", "elements 2-0:1", "elements 0:0", "elements 0:1 0-2:1",
                                  "elements 1-2", "elements 0-99999999:1", "elements -1:1", "elements "}) {
    EXPECT_FALSE(with("elements 0-2:1 9:4", wrong)) << wrong;
  }
  for (const auto* const wrong :
       {"slots 0", "slots -1", "slots 1x", "slots", "slots 1\nslots 1", "speed 1"}) {
    EXPECT_FALSE(with("slots 1", wrong)) << wrong;
  }
  for (const auto* const wrong :
       {"arg \\", "arg \\0", "arg \\004", "arg \\0000", "arg \\0400", "arg \\0080", "arg \\1040", "arg \\n",
        "arg a b", "arg \t", "arg \x80", "arg", "inherit", "inherit a b"}) {
    EXPECT_FALSE(with("arg true", wrong)) << wrong;
  }
  EXPECT_FALSE(with("grid-run 2", "grid-run 1"));
  EXPECT_EQ(with("arg true", "arg a%20\\0040\\0377\\0134x")->argv.front(), "a%20 \377\\x");
  EXPECT_EQ(with("arg true", "arg true\ninherit PATH\ninherit HOME")->inherit,
            (std::vector<std::string>{"PATH", "HOME"}));
  EXPECT_FALSE(with("arg true\n", ""));
  EXPECT_NE(with("slots 1", "slots 0").error().message.find("line 7"), std::string::npos);
}

Record any_record() {
  const auto number = [] { return *rc::gen::arbitrary<std::uint32_t>(); };
  const ProcessId process{*rc::gen::inRange(1, 4194304), *rc::gen::arbitrary<std::uint64_t>()};
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      return ShimRecord{process, "5c0d7bb4-76b5-4f4e-8f6a-2c3a7e0b7c11"};
    case 1:
      return StartedRecord{number(), number(), process,
                           *rc::gen::arbitrary<bool>() ? std::optional(number()) : std::nullopt};
    case 2: {
      ExitedRecord exited{number(), number(), {}};
      Ending& end = exited.ending;
      end.*(*rc::gen::element(&Ending::code, &Ending::signal, &Ending::error)) = *rc::gen::inRange(0, 256);
      end.core_dumped = *rc::gen::arbitrary<bool>();
      end.fenced = *rc::gen::arbitrary<bool>();
      if (*rc::gen::arbitrary<bool>()) {
        end.user_cpu_seconds = number() / 1e6;
        end.system_cpu_seconds = number() / 1e6;
        end.max_rss_bytes = *rc::gen::arbitrary<std::uint64_t>();
      }
      end.stdout_bytes = *rc::gen::arbitrary<std::uint64_t>();
      end.stderr_bytes = number();
      end.leftovers = number();
      return exited;
    }
    case 3:
      return FinishedRecord{};
    default:
      return ShutRecord{};
  }
}

TEST(Format, JournalsSurviveAndATornLineWaits) {
  EXPECT_TRUE(rc::check([] {
    std::string text;
    std::vector<std::size_t> ends;
    for (auto more = *rc::gen::inRange(1, 20); more > 0; --more) {
      text += encode(any_record());
      ends.push_back(text.size());
    }
    const std::size_t cut = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
    std::vector<Record> records;
    const auto used = decode_journal(std::string_view(text).substr(0, cut), records);
    RC_ASSERT(used.has_value());
    std::string again;
    for (const auto& record : records) again += encode(record);
    RC_ASSERT(again == text.substr(0, *used));
    RC_ASSERT(static_cast<std::ptrdiff_t>(records.size()) ==
              std::upper_bound(ends.begin(), ends.end(), cut) - ends.begin());
  }));
}

TEST(Format, WrongRecordsAreRefused) {
  const std::string usage = " core=0 user_us=1 system_us=1 max_rss_bytes=1 stdout=1 stderr=1 leftovers=0";
  EXPECT_TRUE(decode_record("exited element=0 attempt=1 code=0" + usage));
  const auto bare =
      decode_record("exited element=0 attempt=1 signal=15 core=0 fenced=1 stdout=0 stderr=0 leftovers=0");
  ASSERT_TRUE(bare) << "a shim that cannot tell the usage says nothing of it";
  EXPECT_TRUE(std::get<ExitedRecord>(*bare).ending.fenced);
  EXPECT_FALSE(std::get<ExitedRecord>(*bare).ending.max_rss_bytes);
  const auto unslotted = decode_record("started element=0 attempt=1 pid=7 start=1");
  ASSERT_TRUE(unslotted);
  EXPECT_FALSE(std::get<StartedRecord>(*unslotted).slot);
  for (const std::string& wrong :
       {"exited element=0 attempt=1" + usage, "exited element=0 attempt=1 code=0 signal=9" + usage,
        "exited element=0 attempt=1 code=0 code=0" + usage, "exited element=0 attempt=1 code=x" + usage,
        "exited element=0 attempt=1 code=0 more=1" + usage,
        "exited element=0 attempt=1 code=0 fenced=x" + usage,
        std::string("exited element=0 attempt=1 code=0"),
        std::string("started element=0 attempt=1 pid=0 start=1 slot=0"),
        std::string("started element=0 pid=7 start=1 slot=0"), std::string("shim pid=1 start=1 boot="),
        std::string("shim pid=1 start=1 boot=a/b"), std::string("finished x=1"), std::string("finish"),
        std::string()}) {
    EXPECT_FALSE(decode_record(wrong)) << wrong;
  }
}

TEST(Format, ProcessesAreKnownByMoreThanTheirNumber) {
  const auto self = process_facts(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_EQ(self->session, ::getsid(0));
  EXPECT_TRUE(send_signal(self->id, 0));
  EXPECT_FALSE(send_signal({self->id.pid, self->id.start_ticks + 1}, 0))
      << "another process with the same number";
  EXPECT_FALSE(process_facts(0x7FFFFFFF));
  EXPECT_TRUE(environment_holds({"A=1\0B=2\0", 8}, "B=2"));
  EXPECT_FALSE(environment_holds({"A=1\0BB=2\0", 9}, "B=2"));
  EXPECT_FALSE(environment_holds({"A=1\0B=22\0", 9}, "B=2"));
}

TEST(Format, ProgramsAreFoundInTheTasksPath) {
  std::string program;
  EXPECT_EQ(find_program("sh", {"X=1", "PATH=/none:/bin"}, "/", program), 0);
  EXPECT_EQ(program, "/bin/sh");
  EXPECT_EQ(find_program("passwd", {"PATH=/etc"}, "/", program), EACCES);
  EXPECT_EQ(find_program("sh", {"PATH=/none"}, "/", program), ENOENT);
  EXPECT_EQ(find_program("", {"PATH=/bin"}, "/", program), ENOENT);
  EXPECT_EQ(find_program("sh", {"PATH=bin"}, "/usr", program), 0);
  EXPECT_EQ(program, "/usr/bin/sh");
  EXPECT_EQ(find_program("./x", {}, "/", program), 0);
}

}  // namespace
}  // namespace grid::run_directory
