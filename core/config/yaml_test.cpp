// The strict reader: what comes out, and the limits. What it refuses word by word: bad_yaml_test.cpp.
#include "core/config/yaml.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace grid {
namespace {

const YamlNode& at(const YamlNode& node, std::string_view name) {
  for (const YamlEntry& entry : node.entries)
    if (entry.name == name) return entry.value;
  ADD_FAILURE() << "no key " << name;
  return node;
}

std::string first_error(const std::string& text) {
  const YamlDocument document = read_yaml(text);
  if (document.errors.empty()) return "";
  const YamlError& error = document.errors.front();
  return std::to_string(error.place.line) + ":" + std::to_string(error.place.column) + ": " + error.message;
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  while (times-- > 0) all += text;
  return all;
}

TEST(Yaml, KeepsOrderTypesAndPlaces) {
  const YamlDocument document = read_yaml("b: 1\na:\n  - x\n  - 'y'\n  - {}\nc:\nd: ~\n");
  ASSERT_TRUE(document.errors.empty());
  const YamlNode& root = document.root;
  ASSERT_EQ(root.type, YamlNode::Type::mapping);
  ASSERT_EQ(root.entries.size(), 4U);
  EXPECT_EQ(root.entries[0].name, "b");
  EXPECT_EQ(root.entries[1].name, "a");
  EXPECT_EQ(root.entries[1].place.line, 2);
  EXPECT_EQ(root.entries[1].place.column, 1);
  const YamlNode& list = at(root, "a");
  ASSERT_EQ(list.items.size(), 3U);
  EXPECT_EQ(list.items[0].text, "x");
  EXPECT_FALSE(list.items[0].quoted);
  EXPECT_EQ(list.items[1].text, "y");
  EXPECT_TRUE(list.items[1].quoted);
  EXPECT_EQ(list.items[1].place.line, 4);
  EXPECT_EQ(list.items[1].place.column, 5);
  EXPECT_EQ(list.items[2].type, YamlNode::Type::mapping);
  EXPECT_EQ(at(root, "c").type, YamlNode::Type::nothing);
  EXPECT_EQ(at(root, "d").type, YamlNode::Type::nothing);
}

TEST(Yaml, ScalarsStayText) {
  const YamlDocument document = read_yaml("[no, 010, 0x10, \"5\", 1e3, -1, true]");
  ASSERT_TRUE(document.errors.empty());
  std::string all;
  for (const YamlNode& item : document.root.items) all += item.text + (item.quoted ? "q " : " ");
  EXPECT_EQ(all, "no 010 0x10 5q 1e3 -1 true ");
}

TEST(Yaml, ColumnsCountCharacters) {
  const YamlDocument document = read_yaml("a: [\"äöü€😀\", x, 'ß', y]\n");
  ASSERT_TRUE(document.errors.empty());
  const auto& items = document.root.entries[0].value.items;
  EXPECT_EQ(items[0].place.column, 5);
  EXPECT_EQ(items[1].place.column, 14);
  EXPECT_EQ(items[2].place.column, 17);
  EXPECT_EQ(items[3].place.column, 22);
}

TEST(Yaml, WindowsLineEndsChangeNothing) {
  const YamlDocument document = read_yaml("a: x\r\nb:\r\n  c: 'y'\r\n");
  ASSERT_TRUE(document.errors.empty());
  EXPECT_EQ(at(document.root, "a").text, "x");
  EXPECT_EQ(at(at(document.root, "b"), "c").text, "y");
  EXPECT_EQ(at(at(document.root, "b"), "c").place.line, 3);
}

TEST(Yaml, QuotesInsideTextAreText) {
  const YamlDocument document =
      read_yaml("a: it's\nb: 'it''s'\nc: \"\\\"\"\nd: |\n  don't \"\n# isn't\ne: \"a\n  b\"\n'f': ''\n");
  ASSERT_TRUE(document.errors.empty()) << document.errors.front().message;
  EXPECT_EQ(at(document.root, "a").text, "it's");
  EXPECT_EQ(at(document.root, "b").text, "it's");
  EXPECT_EQ(at(document.root, "c").text, "\"");
  EXPECT_EQ(at(document.root, "d").text, "don't \"\n");
  EXPECT_EQ(at(document.root, "e").text, "a b");
  EXPECT_EQ(at(document.root, "f").text, "");
}

TEST(Yaml, AnExplicitDocumentIsStillOne) {
  EXPECT_EQ(first_error("---\na: 1\n...\n"), "");
  EXPECT_EQ(first_error("# c\n%YAML 1.2\n---\na: 1\n"), "");
}

TEST(Yaml, SizeLimit) {
  const std::string comment = "a: 1\n#";
  EXPECT_EQ(first_error(comment + std::string(yaml_max_bytes - comment.size(), 'x')), "");
  EXPECT_EQ(first_error(comment + std::string(yaml_max_bytes - comment.size() + 1, 'x')),
            "1:1: larger than 1 MiB, the limit for a configuration");
}

TEST(Yaml, DepthLimit) {
  EXPECT_EQ(first_error(repeat("[", 32) + repeat("]", 32)), "");
  EXPECT_EQ(first_error(repeat("[", 33) + repeat("]", 33)),
            "1:33: nested deeper than 32 levels, the limit for a configuration");
  EXPECT_EQ(first_error(repeat("- ", 33) + "x\n"),
            "1:65: nested deeper than 32 levels, the limit for a configuration");
}

TEST(Yaml, NodeLimit) {
  EXPECT_EQ(first_error("[" + repeat("a,", 9999) + "]"), "");
  EXPECT_EQ(first_error("[" + repeat("a,", 10000) + "]"),
            "1:20000: more than 10000 values, the limit for a configuration");
  EXPECT_EQ(first_error("# " + repeat("[", 10001)),
            "1:1: more than 10000 brackets, the limit for a configuration");
}

// Each a long text of a kind that once cost some reader minutes, memory or its stack.
TEST(Yaml, HostileInputIsRefusedSoon) {
  for (const std::string_view pattern :
       {"[", "{",     "- ",  "? ",    ": ",         "{a: ", "[[a],",    "&a ",  "*a ", "!",    "\"",
        "'", "\"\":", "a\n", "---\n", "a: |\n b\n", "\\",   "\xC3\xA9", "%A\n", "|",   "a:\n", "- - -\n"}) {
    for (const std::string_view prefix : {"", "policy: ", "metrics: [x, "}) {
      const auto before = std::chrono::steady_clock::now();
      const std::string text = std::string(prefix) + repeat(pattern, 150'000 / pattern.size());
      const YamlDocument document = read_yaml(text);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
      // The budget is 0.2 s; the rest is for sanitizers and busy machines. Anything quadratic takes minutes.
      EXPECT_LT(took.count(), 5.0) << prefix << pattern;
      EXPECT_LE(document.errors.size(), yaml_max_nodes * 2);
    }
  }
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char name = 'b'; name < 'm'; ++name)
    bomb += std::string(1, name) + ": &" + name + " [" +
            repeat("*" + std::string(1, static_cast<char>(name - 1)) + ",", 9) + "]\n";
  EXPECT_NE(first_error(bomb), "");
}

TEST(Yaml, AllStructuralErrorsAtOnce) {
  const YamlDocument document = read_yaml("a: 1\na: 2\nb: *x\n");
  ASSERT_EQ(document.errors.size(), 2U);
  EXPECT_EQ(document.errors[0].path, "a");
  EXPECT_EQ(document.errors[1].path, "b");
}

}  // namespace
}  // namespace grid
