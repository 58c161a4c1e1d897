#include "memory.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace grid::threshold {
namespace {

Memory example() {
  Memory memory;
  memory.at_ms = 5000;
  memory.triggers["cpu"] = {1000, true};
  memory.last_held[{7, 99}] = 4000;
  memory.freeing["memory"] = {3000, 1e9, 5e8, {7, 99}};
  return memory;
}

TEST(Memory, WhatIsPrintedIsReadAgain) {
  const auto read = parse_memory(print_memory(example()), 6000);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->at_ms, 5000);
  EXPECT_EQ(read->triggers.at("cpu").since_ms, 1000);
  EXPECT_TRUE(read->triggers.at("cpu").latched);
  EXPECT_EQ(read->last_held.at({7, 99}), 4000);
  EXPECT_EQ(read->freeing.at("memory").chosen, (ProcessId{7, 99}));
  EXPECT_EQ(print_memory(*read), print_memory(example()));
}

TEST(Memory, OfAnotherBootCountsAsNone) { EXPECT_FALSE(parse_memory(print_memory(example()), 4999)); }

TEST(Memory, GarbledCountsAsNoneAndNeverThrows) {
  rc::check("any change of any byte", [] {
    std::string text = print_memory(example());
    const auto changes = *rc::gen::inRange(1, 6);
    for (int i = 0; i < changes; ++i) {
      const auto at = static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(text.size())));
      if (*rc::gen::arbitrary<bool>())
        text[at] = *rc::gen::arbitrary<char>();
      else
        text.erase(at, 1);
    }
    (void)parse_memory(text, 6000);
  });
  for (const char* text : {"", "x", "{}", "null", "[]", "\xff", "{\"format\":1}", "{\"format\":2}"})
    EXPECT_FALSE(parse_memory(text, 6000)) << text;
}

}  // namespace
}  // namespace grid::threshold
