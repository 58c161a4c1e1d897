#include "core/registry/plugin_json.hpp"

#include <gtest/gtest.h>

namespace grid {
namespace {

constexpr OptionSpec options[] = {
    {.name = "share",
     .type = OptionType::number,
     .default_text = "0.85",
     .doc = "A share.",
     .unit = "fraction",
     .minimum = 0,
     .maximum = 1},
    {.name = "mode",
     .type = OptionType::choice,
     .default_text = "slow",
     .doc = "A mode.",
     .choices = "slow|fast"},
    {.name = "names", .type = OptionType::list, .doc = "Names."},
    {.name = "wait", .type = OptionType::duration, .default_text = "1m", .doc = "A time.", .unit = "seconds"},
};
constexpr Descriptor descriptor{sizeof(Descriptor), GRID_ABI, "print", Kind::policy,   "x",     "1.2.3",
                                "Says x.",          options,  4,       "share: 0.5\n", nullptr, nullptr};
const PluginStatus status{Kind::policy, "x", "/p/grid_policy_x.so", PluginState::faulted, "it hung", {}};

TEST(PluginJson, ListCarriesWhatIsKnown) {
  const Json json = plugins_to_json({status, status}, {&descriptor});
  EXPECT_EQ(json, parse_json(R"({"schema":"grid/plugins/1","plugins":[
    {"kind":"policy","name":"x","version":"1.2.3","summary":"Says x.","path":"/p/grid_policy_x.so","state":"faulted","reason":"it hung"},
    {"kind":"policy","name":"x","version":null,"summary":null,"path":"/p/grid_policy_x.so","state":"faulted","reason":"it hung"}]})")
                      .value());
}

TEST(PluginJson, InfoShowsOptionsWithTypedDefaults) {
  const Json json = plugin_to_json(status, descriptor);
  EXPECT_EQ(json["schema"], "grid/plugin/1");
  EXPECT_EQ(json["abi"], GRID_ABI);
  EXPECT_EQ(json["fingerprint"], "print");
  EXPECT_EQ(json["sample_yaml"], "share: 0.5\n");
  EXPECT_EQ(json["options"], parse_json(R"([
    {"name":"share","type":"number","default":0.85,"unit":"fraction","minimum":0.0,"maximum":1.0,"choices":[],"doc":"A share."},
    {"name":"mode","type":"choice","default":"slow","unit":"","minimum":null,"maximum":null,"choices":["slow","fast"],"doc":"A mode."},
    {"name":"names","type":"list","default":[],"unit":"","minimum":null,"maximum":null,"choices":[],"doc":"Names."},
    {"name":"wait","type":"duration","default":60.0,"unit":"seconds","minimum":null,"maximum":null,"choices":[],"doc":"A time."}])")
                                 .value());
}

}  // namespace
}  // namespace grid
