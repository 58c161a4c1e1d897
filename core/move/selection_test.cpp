#include "core/move/selection.hpp"

#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace grid {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Selection : public testing::Test {
 protected:
  Selection() {
    std::string name = "/tmp/grid-selection-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~Selection() override { fs::remove_all(folder_); }
  void write(const std::string& path, const std::string& text = "text") {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }
  std::vector<std::string> paths(const std::vector<std::string>& named) {
    const auto selected = select_files(folder_, named, rules_);
    std::vector<std::string> all;
    if (!selected) return {"error: " + selected.error().message};
    for (const ManifestEntry& entry : selected->entries) all.push_back(entry.path);
    return all;
  }
  fs::path folder_;
  StageRules rules_;
};

TEST_F(Selection, FilesFoldersAndAllOfIt) {
  write("a");
  write("data/b");
  write("data/deep/c");
  write("data/x.pyc");
  fs::create_directory(folder_ / "empty");
  fs::create_symlink("a", folder_ / "link");
  rules_.ignore = IgnoreRules::parse("*.pyc\n", "test").value();
  EXPECT_THAT(paths({"a"}), ElementsAre("a"));
  EXPECT_THAT(paths({"data", "link", "a", "data/b"}), ElementsAre("a", "data/b", "data/deep/c", "link"));
  EXPECT_THAT(paths({"empty"}), ElementsAre("empty"));
  EXPECT_THAT(paths({"data/x.pyc"}), ElementsAre("data/x.pyc")) << "named is wanted";
  EXPECT_THAT(paths({"."}), ElementsAre("a", "data/b", "data/deep/c", "empty", "link"));
  EXPECT_THAT(paths({"none"}), ElementsAre(HasSubstr("there is no")));
}

TEST_F(Selection, TheLimitIsForAllOfIt) {
  write("a", std::string(60, 'x'));
  write("d/b", std::string(60, 'x'));
  rules_.max_bytes = 100;
  EXPECT_THAT(paths({"a"}), ElementsAre("a"));
  EXPECT_THAT(paths({"a", "d"}), ElementsAre(HasSubstr("120 bytes, above offload.stage.max 100 bytes")));
}

TEST(PathInside, StaysInTheFolder) {
  EXPECT_EQ(path_inside("/home/me", "a/./b/").value(), "a/b");
  EXPECT_EQ(path_inside("/home/me", ".").value(), ".");
  EXPECT_EQ(path_inside("/home/me", "a/..").value(), ".");
  EXPECT_EQ(path_inside("/home/me", "/home/me/x").value(), "x");
  for (const char* bad : {"..", "../x", "a/../../x", "/etc/passwd", "/home/meme", ""})
    EXPECT_FALSE(path_inside("/home/me", bad)) << bad;
}

TEST(IsSelected, ByNameOrByFolder) {
  EXPECT_TRUE(is_selected({"a", "data"}, "data/x"));
  EXPECT_TRUE(is_selected({"."}, "anything"));
  EXPECT_TRUE(is_selected({"a"}, "a"));
  EXPECT_FALSE(is_selected({"dat"}, "data/x"));
  EXPECT_FALSE(is_selected({}, "a"));
}

}  // namespace
}  // namespace grid
