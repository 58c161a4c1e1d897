#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "grid/sdk/renderer.hpp"
#include "grid/sdk/testkit/loop_host.hpp"

extern "C" const grid::Descriptor grid_plugin_descriptor;

namespace grid {
namespace {

using Json = nlohmann::ordered_json;

std::string content(const std::string& name) {
  std::ifstream file(std::filesystem::path(GRID_TESTDATA).parent_path() / name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class JsonRendererTest : public ::testing::Test {
 protected:
  Result<std::string> render(std::string_view json, std::int64_t indent = 2) {
    std::unique_ptr<Renderer> renderer(static_cast<Renderer*>(grid_plugin_descriptor.make(host_)));
    if (auto done = renderer->configure(Options(Values{{"indent", indent}})); !done)
      return fail(done.error());
    return renderer->render({json, 80, true, true});
  }
  testkit::LoopHost host_;
};

TEST_F(JsonRendererTest, LaysOutInTheOrderOfTheView) {
  EXPECT_EQ(render(R"({"schema":"grid/x/1","a":[1,2.5,null],"Z":{}})").value(),
            "{\n  \"schema\": \"grid/x/1\",\n  \"a\": [\n    1,\n    2.5,\n    null\n  ],\n  \"Z\": {}\n}\n");
  EXPECT_EQ(render(R"({ "b": 1, "a": "x" })", 0).value(), "{\"b\":1,\"a\":\"x\"}\n");
}

TEST_F(JsonRendererTest, NothingSteersATerminal) {
  const std::string text = render("{\"a\":\"\\u001b]52;c;eA==\\u0007 \\u202e \u202e \u009b \x7f\"}").value();
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
  EXPECT_NE(text.find("\\u202e"), std::string::npos);
}

TEST_F(JsonRendererTest, MeansTheSameAsTheView) {
  EXPECT_TRUE(rc::check([this] {
    Json json = Json::object();
    const auto members = *rc::gen::container<std::map<std::string, std::vector<int>>>(
        rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127)),
        rc::gen::arbitrary<std::vector<int>>());
    for (const auto& [name, value] : members) json[name] = value;
    const std::string text = render(json.dump(), *rc::gen::inRange(0, 9)).value();
    RC_ASSERT(Json::parse(text) == json);
    RC_ASSERT(text.back() == '\n' && text[text.size() - 2] != '\n');
  }));
}

TEST_F(JsonRendererTest, WhatIsNoJsonIsAnError) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("\xff"), std::string(100000, '[')}) {
    const auto rendered = render(text);
    ASSERT_FALSE(rendered);
    EXPECT_EQ(rendered.error().code, Code::internal);
  }
}

TEST_F(JsonRendererTest, WhatIsNestedTooDeepIsAnError) {
  for (const auto& [depth, shown] : {std::pair(50, true), std::pair(100, false), std::pair(100000, false)})
    EXPECT_EQ(render(std::string(depth, '[') + std::string(depth, ']')).has_value(), shown) << depth;
}

TEST(JsonPlugin, SampleAndReadmeAgreeWithTheCode) {
  EXPECT_EQ(content("sample.yaml"), grid_plugin_descriptor.sample_yaml);
  EXPECT_EQ(content("README.md").rfind("# json\n", 0), 0U);
  EXPECT_NE(content("README.md").find(content("sample.yaml")), std::string::npos);
}

}  // namespace
}  // namespace grid
