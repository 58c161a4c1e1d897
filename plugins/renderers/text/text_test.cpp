// Every view against its expected output, and what holds for all of them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include "grid/sdk/bytes.hpp"
#include "grid/sdk/renderer.hpp"
#include "grid/sdk/testkit/loop_host.hpp"
#include "width.hpp"

extern "C" const grid::Descriptor grid_plugin_descriptor;

namespace grid::text {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class TextTest : public ::testing::Test {
 protected:
  TextTest() : renderer_(static_cast<Renderer*>(grid_plugin_descriptor.make(host_))) {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    for (const auto& file : fs::directory_iterator(fs::path(GRID_TESTDATA) / "text_fuzz"))
      if (file.path().extension() == ".json") views_[file.path().stem()] = content(file.path());
  }

  std::string render(const std::string& name, std::uint32_t columns = 80, bool unicode = false,
                     bool colour = false) {
    const auto out = renderer_->render({views_.at(name), columns, colour, unicode});
    EXPECT_TRUE(out) << name;
    return out ? *out : std::string();
  }

  testkit::LoopHost host_;
  std::unique_ptr<Renderer> renderer_;
  std::map<std::string, std::string> views_;
};

TEST_F(TextTest, EveryViewLooksAsExpected) {
  const bool update = std::getenv("GRID_UPDATE_GOLDEN") != nullptr;
  ASSERT_GT(views_.size(), 60U);
  for (const auto& [name, json] : views_) {
    if (name.starts_with("garbled_")) continue;  // how that looks is nobody's promise
    for (const std::uint32_t columns : {80U, 120U})
      for (const bool unicode : {false, true}) {
        const fs::path golden =
            fs::path(GRID_TESTDATA) / "golden" /
            (name + "." + std::to_string(columns) + (unicode ? ".unicode" : ".ascii") + ".txt");
        const std::string out = render(name, columns, unicode);
        if (update)
          std::ofstream(golden, std::ios::binary) << out;
        else
          EXPECT_EQ(out, content(golden)) << golden;
      }
  }
}

TEST_F(TextTest, EveryLineKeepsToTheWidthAndNothingSteersTheTerminal) {
  for (const auto& [name, json] : views_)
    for (const std::uint32_t columns : {1U, 20U, 40U, 60U, 80U, 100U, 200U, 0U})
      for (const bool unicode : {false, true}) {
        const std::string out = render(name, columns, unicode);
        ASSERT_TRUE(out.ends_with('\n')) << name;
        EXPECT_EQ(visible(out, true), out) << name;
        if (!unicode) {
          for (const char c : out) ASSERT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << name;
        }
        std::istringstream lines(out);
        for (std::string line; columns > 0 && std::getline(lines, line);)
          EXPECT_LE(cells(line), columns) << name << ": " << line;
      }
}

TEST_F(TextTest, ColourAddsOnlyKnownEscapes) {
  for (const auto& [name, json] : views_) {
    std::string out = render(name, 80, true, true);
    for (const char* escape : {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"})
      for (std::size_t at = 0; (at = out.find(escape, at)) != std::string::npos;)
        out.erase(at, std::string_view(escape).size());
    EXPECT_EQ(out, render(name, 80, true)) << name;
  }
  EXPECT_NE(render("nodes", 80, true, true).find("\x1b[33msuspect"), std::string::npos);
}

TEST_F(TextTest, SimulatedNodesAreMarkedInEveryView) {
  for (const char* name : {"snapshot", "nodes", "scan", "decision", "plan", "history", "executions",
                           "execution_move", "execution_run", "events", "why_node"})
    for (const std::uint32_t columns : {60U, 80U, 120U, 0U})
      EXPECT_NE(render(name, columns).find("(simulated)"), std::string::npos) << name << " " << columns;
}

TEST_F(TextTest, EmptyCellsKeepColumnsCountable) {
  std::istringstream lines(render("executions", 0));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line.substr(0, 13), "ID  STATE    ");
  std::getline(lines, line);
  std::istringstream fields(line);
  std::string id, state, node, age, time, exit;
  fields >> id >> state >> node >> age >> time >> exit;
  EXPECT_EQ(id + " " + state + " " + node + " " + age + " " + time + " " + exit,
            "10 queued <none> 3m04s <none> <none>");
}

TEST_F(TextTest, WhatIsNoJsonIsAnError) {
  for (const std::string& json :
       {std::string(), std::string("{"), std::string("\xff"), std::string(100000, '[')})
    EXPECT_FALSE(renderer_->render({json, 80, false, false}));
}

TEST_F(TextTest, WhatIsNestedTooDeepIsAnError) {
  for (const auto& [depth, shown] : {std::pair(50, true), std::pair(100, false), std::pair(100000, false)})
    EXPECT_EQ(renderer_->render({std::string(depth, '[') + std::string(depth, ']'), 80}).has_value(), shown)
        << depth;
}

TEST(TextPlugin, SampleAndReadmeAgreeWithTheCode) {
  const fs::path folder = fs::path(GRID_TESTDATA).parent_path();
  EXPECT_EQ(content(folder / "sample.yaml"), grid_plugin_descriptor.sample_yaml);
  EXPECT_TRUE(content(folder / "README.md").starts_with("# text\n"));
  EXPECT_NE(content(folder / "README.md").find(content(folder / "sample.yaml")), std::string::npos);
}

}  // namespace
}  // namespace grid::text
