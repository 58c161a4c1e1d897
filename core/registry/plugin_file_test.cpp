#include "core/registry/plugin_file.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace grid {
namespace {

TEST(PluginFile, KindAndNameComeFromTheFileName) {
  const auto plugin = plugin_from_path("/p/grid_metrics_sysfs_gpu.so");
  ASSERT_TRUE(plugin);
  EXPECT_EQ(plugin->kind, Kind::metrics);
  EXPECT_EQ(plugin->name, "sysfs_gpu");
  EXPECT_EQ(plugin_id(plugin->kind, plugin->name), "metrics.sysfs_gpu");
}

TEST(PluginFile, OtherFileNamesAreNoPlugins) {
  for (const char* name : {"", "grid_.so", "grid_policy.so", "grid_policy_.so", "grid_policy_x",
                           "grid_policy_X.so", "grid_policy_a-b.so", "grid_policy_a.so.1", "grid_cook_x.so",
                           "libgrid_policy_x.so", "grid_policy_x.so~", "grid_policy_a b.so"})
    EXPECT_FALSE(plugin_from_path(std::string("/p/") + name)) << name;
  EXPECT_TRUE(plugin_from_path("/p/grid_policy_" + std::string(64, 'a') + ".so"));
  EXPECT_FALSE(plugin_from_path("/p/grid_policy_" + std::string(65, 'a') + ".so"));
}

RC_GTEST_PROP(PluginFile, EveryNameOfTheAlphabetComesBack, ()) {
  const auto name =
      *rc::gen::suchThat(rc::gen::container<std::string>(rc::gen::elementOf(std::string("abcxyz0189_"))),
                         [](const std::string& text) { return !text.empty() && text.size() <= 64; });
  const auto kind = *rc::gen::element(Kind::policy, Kind::transport, Kind::metrics, Kind::renderer);
  const auto plugin = plugin_from_path("/p/grid_" + std::string(to_string(kind)) + "_" + name + ".so");
  RC_ASSERT(plugin.has_value());
  RC_ASSERT(plugin->kind == kind);
  RC_ASSERT(plugin->name == name);
}

}  // namespace
}  // namespace grid
