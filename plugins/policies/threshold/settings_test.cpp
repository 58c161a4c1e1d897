#include "settings.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "testing.hpp"

namespace grid::threshold {
namespace {

std::string content(const std::string& name) {
  std::ifstream file(std::string(GRID_TESTDATA) + "/../" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Settings, DefaultsOfEveryOptionParse) {
  const Values values = default_values(option_specs());
  EXPECT_EQ(values.size(), option_specs().size());
  const auto settings = read_settings(Options(values));
  ASSERT_TRUE(settings);
  EXPECT_DOUBLE_EQ(settings->cpu.high, 0.85);
  EXPECT_DOUBLE_EQ(settings->sustain_seconds, 20);
  EXPECT_EQ(settings->headroom_memory_bytes, 512U << 20U);
  EXPECT_DOUBLE_EQ(settings->cooldown_seconds, 600);
}

TEST(Settings, RefusesALowMarkThatIsNotBelowItsHighMark) {
  for (const std::string name : {"cpu", "memory", "pressure", "gpu"}) {
    Values values = default_values(option_specs());
    values[name + "_low"] = values[name + "_high"];
    const auto settings = read_settings(Options(values));
    ASSERT_FALSE(settings) << name;
    EXPECT_EQ(settings.error().code, Code::config_invalid);
    EXPECT_NE(settings.error().message.find(name + "_low"), std::string::npos);
    EXPECT_NE(settings.error().message.find(name + "_high"), std::string::npos);
    EXPECT_FALSE(settings.error().hint.empty());
  }
}

TEST(Settings, SampleAndReadmeAgreeWithTheCode) {
  EXPECT_EQ(content("sample.yaml"), sample_yaml());
  EXPECT_STREQ(grid_plugin_descriptor.sample_yaml, sample_yaml());
  const std::string readme = content("README.md");
  EXPECT_EQ(readme.rfind("# threshold\n", 0), 0U);
  EXPECT_NE(readme.find(sample_yaml()), std::string::npos);
}

}  // namespace
}  // namespace grid::threshold
