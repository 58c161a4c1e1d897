// A node comes into a file, and all else in the file stays as it is.
#include "core/config/edit.hpp"

#include <gtest/gtest.h>

#include "core/config/show.hpp"
#include "core/config/test_lookup.hpp"

namespace grid {
namespace {

const NewNode gpu{"gpu1", "ssh", "me@10.0.0.11", {"gpu", "2"}};
constexpr std::string_view line = "gpu1: { transport: ssh, address: 'me@10.0.0.11', labels: [gpu, '2'] }";

TEST(Edit, ANodeIsOneLine) {
  EXPECT_EQ(node_line(gpu), line);
  EXPECT_EQ(node_line({"gpu1", "", "", {}}), "gpu1:");
  EXPECT_EQ(node_line({"1", "", "it's", {"no", "a b"}}), "'1': { address: 'it''s', labels: ['no', 'a b'] }");
}

TEST(Edit, EverythingElseStaysAsItIs) {
  const std::string node = "  " + std::string(line) + "\n";
  const std::string deep = "    " + std::string(line) + "\n";
  const struct {
    std::string before;
    std::string after;
  } cases[] = {
      {"", "version: 1\nnodes:\n" + node},
      {"# only a comment", "# only a comment\nversion: 1\nnodes:\n" + node},
      {"version: 1\n", "version: 1\nnodes:\n" + node},
      {"version: 1", "version: 1\nnodes:\n" + node},
      {"nodes:\n", "nodes:\n" + node},
      {"nodes:", "nodes:\n" + node},
      {"nodes:   # the machines\n  # none yet\n\npolicy: threshold\n",
       "nodes:   # the machines\n" + node + "  # none yet\n\npolicy: threshold\n"},
      {"nodes:\n    # old\n    a: { transport: ssh }   # keep\npolicy: threshold # x\n",
       "nodes:\n" + deep + "    # old\n    a: { transport: ssh }   # keep\npolicy: threshold # x\n"},
      {"\"nodes\":\n  a:\n    transport: ssh\n", "\"nodes\":\n" + node + "  a:\n    transport: ssh\n"},
      {"nodes:\r\n  a: { transport: ssh }\r\n",
       "nodes:\r\n  " + std::string(line) + "\r\n  a: { transport: ssh }\r\n"},
  };
  for (const auto& each : cases) {
    const auto edited = with_node(each.before, gpu);
    ASSERT_TRUE(edited) << each.before << edited.error().message;
    EXPECT_EQ(*edited, each.after);
    const LoadResult loaded = load_text(*edited);
    ASSERT_TRUE(loaded.errors.empty()) << loaded.error().message;
    EXPECT_EQ(loaded.config.nodes.at("gpu1").address, "me@10.0.0.11");
    EXPECT_EQ(loaded.config.nodes.at("gpu1").labels, (std::vector<std::string>{"gpu", "2"}));
  }
  const auto first = with_node(config_init_text("x"), gpu);
  ASSERT_TRUE(first);
  EXPECT_TRUE(load_text(*first).errors.empty());
}

TEST(Edit, WhatCannotBeAddedToSafelyIsLeftToAPerson) {
  for (const char* text :
       {"nodes: { a: { transport: ssh } }\n", "nodes: ~\n", "nodes: {}\n", "{ version: 1 }\n", "{}\n",
        "version: 1\n...\n", "  version: 1\n", "- a\n", "nodes: [a]\n", "nodes:\n- a\n"}) {
    const auto edited = with_node(text, gpu);
    ASSERT_FALSE(edited) << text << "\n" << *edited;
    EXPECT_EQ(edited.error().code, Code::resource_conflict) << text;
    EXPECT_NE(edited.error().hint.find(line), std::string::npos) << text;
  }
  const auto there = with_node("nodes:\n  gpu1:\n    transport: ssh\n", gpu);
  ASSERT_FALSE(there);
  EXPECT_EQ(there.error().message, "there is a node 'gpu1' already");
  EXPECT_NE(there.error().hint.find("line 2"), std::string::npos);
  EXPECT_EQ(with_node("a: [", gpu).error().code, Code::config_invalid);
}

}  // namespace
}  // namespace grid
