// Which files are read, and which are refused because somebody else could have written them.
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "core/base/files.hpp"
#include "core/config/load.hpp"
#include "core/config/test_lookup.hpp"
#include "core/config/trusted_file.hpp"

namespace grid {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (fs::temp_directory_path() / "grid-config-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    root_ = folder;
    request_.dirs.share = root_ / "share";
    request_.dirs.config = root_ / "user";
    request_.system_file = root_ / "etc" / "grid.yaml";
    for (const auto* name : {"share", "user", "etc"}) {
      fs::create_directory(root_ / name);
      ::chmod((root_ / name).c_str(), 0755);
    }
    write("share/home.yaml", "policy: threshold\nhead: { cpus: 1 }\n");
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path write(const std::string& name, const std::string& text, mode_t mode = 0644) {
    std::ofstream(root_ / name) << text;
    ::chmod((root_ / name).c_str(), mode);
    return root_ / name;
  }
  // The complaints, with the test's folder as ROOT.
  std::string errors(const LoadRequest& request) {
    const LoadResult result = load_config(request, test_lookup);
    std::string text = result.errors.empty() ? "" : result.error().message;
    for (std::size_t at = 0; (at = text.find(root_.string())) != std::string::npos;)
      text.replace(at, root_.string().size(), "ROOT");
    return text;
  }

  fs::path root_;
  LoadRequest request_;
};

TEST_F(Files, LayersInTheirOrder) {
  write("etc/grid.yaml", "head: { cpus: 2, name: etc }\n");
  write("user/grid.yaml", "head: { cpus: 3 }\n");
  const LoadResult result = load_config(request_, test_lookup);
  ASSERT_TRUE(result.errors.empty()) << result.error().message;
  EXPECT_EQ(result.config.head.cpus, 3.0);
  EXPECT_EQ(result.config.head.name, "etc");
  EXPECT_EQ(result.files, (std::vector<std::string>{root_ / "share/home.yaml", root_ / "etc/grid.yaml",
                                                    root_ / "user/grid.yaml"}));

  LoadRequest named = request_;
  named.file = write("mine.yaml", "head: { cpus: 4 }\n");
  EXPECT_EQ(load_config(named, test_lookup).config.head.cpus, 4.0);
  named.file = root_ / "none.yaml";
  EXPECT_EQ(errors(named), "ROOT/none.yaml: no such file");
}

TEST_F(Files, OnlyTheProfileMustExist) {
  EXPECT_EQ(errors(request_), "");
  LoadRequest other = request_;
  other.profile = "hone";
  EXPECT_EQ(errors(other), "ROOT/share/hone.yaml: there is no profile 'hone'; did you mean 'home'?");
  other.profile = "elsewhere";
  EXPECT_EQ(errors(other), "ROOT/share/elsewhere.yaml: there is no profile 'elsewhere'; known are home");
  other.profile = write("p.yaml", "version: 1\n");
  EXPECT_EQ(errors(other), "");
}

TEST_F(Files, WritableByOthersIsRefusedWithTheFix) {
  const fs::path file = write("user/grid.yaml", "version: 1\n", 0666);
  EXPECT_EQ(errors(request_),
            "ROOT/user/grid.yaml: others may write to it (mode 0666); to mend it: chmod go-w "
            "'ROOT/user/grid.yaml'");
  ::chmod(file.c_str(), 0664);
  EXPECT_EQ(errors(request_),
            "ROOT/user/grid.yaml: others may write to it (mode 0664); to mend it: chmod go-w "
            "'ROOT/user/grid.yaml'");
  ::chmod(file.c_str(), 0600);
  EXPECT_EQ(errors(request_), "");
  EXPECT_EQ(exit_code(Code::config_invalid), 2);
}

TEST_F(Files, AWritableFolderIsRefusedUnlessSticky) {
  write("user/grid.yaml", "version: 1\n");
  ::chmod((root_ / "user").c_str(), 0777);
  EXPECT_EQ(errors(request_),
            "ROOT/user/grid.yaml: others may write to its folder 'ROOT/user' (mode 0777); to mend it: chmod "
            "o-w 'ROOT/user'");
  ::chmod((root_ / "user").c_str(), 01777);
  EXPECT_EQ(errors(request_), "");
}

TEST_F(Files, ALinkIsFollowedAndItsTargetJudged) {
  fs::create_directory(root_ / "open");
  ::chmod((root_ / "open").c_str(), 0777);
  const fs::path target = write("open/real.yaml", "version: 1\n");
  fs::create_symlink(target, root_ / "user/grid.yaml");
  EXPECT_EQ(errors(request_),
            "ROOT/user/grid.yaml: others may write to its folder 'ROOT/open' (mode 0777); to mend it: chmod "
            "o-w 'ROOT/open'");
  ::chmod((root_ / "open").c_str(), 0755);
  EXPECT_EQ(errors(request_), "");
  ::chmod(target.c_str(), 0666);
  EXPECT_NE(errors(request_).find("others may write to it"), std::string::npos);
}

TEST_F(Files, WhatIsNoFileIsRefusedAndNotWaitedFor) {
  ASSERT_EQ(::mkfifo((root_ / "user/grid.yaml").c_str(), 0600), 0);
  EXPECT_EQ(errors(request_), "ROOT/user/grid.yaml: not a regular file");
  fs::remove(root_ / "user/grid.yaml");
  fs::create_directory(root_ / "user/grid.yaml");
  EXPECT_EQ(errors(request_), "ROOT/user/grid.yaml: not a regular file");
  fs::remove(root_ / "user/grid.yaml");
  fs::create_symlink("grid.yaml", root_ / "user/grid.yaml");
  EXPECT_EQ(errors(request_), "ROOT/user/grid.yaml: cannot be read: Too many levels of symbolic links");
}

TEST_F(Files, AnotherUsersFileIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const fs::path file = write("user/grid.yaml", "version: 1\n");
  ASSERT_EQ(::chown(file.c_str(), 65534, 65534), 0);
  EXPECT_EQ(errors(request_),
            "ROOT/user/grid.yaml: it belongs to another user (uid 65534); to mend it: chown 0 "
            "'ROOT/user/grid.yaml'");
  ASSERT_EQ(::chown(file.c_str(), 0, 0), 0);
  ASSERT_EQ(::chown((root_ / "user").c_str(), 65534, 65534), 0);
  EXPECT_EQ(errors(request_),
            "ROOT/user/grid.yaml: its folder 'ROOT/user' belongs to another user (uid 65534); to mend it: "
            "move the file to "
            "a folder of your own");
}

TEST_F(Files, UnreadableIsSaidAndTheRestStillChecked) {
  write("share/home.yaml", "polcy: threshold\n");
  write("user/grid.yaml", "version: 1\n", 0622);
  EXPECT_EQ(errors(request_),
            "ROOT/user/grid.yaml: others may write to it (mode 0622); to mend it: chmod go-w "
            "'ROOT/user/grid.yaml'\n"
            "ROOT/share/home.yaml:1:1: polcy: unknown key; did you mean 'policy'?");
}

TEST_F(Files, TooLargeIsRefusedUnread) {
  write("user/grid.yaml", std::string(3U << 20U, '#'));
  EXPECT_EQ(errors(request_), "ROOT/user/grid.yaml:1:1: larger than 1 MiB, the limit for a configuration");
}

TEST_F(Files, PathsOnThisMachineKnowHome) {
  const char* home = std::getenv("HOME");
  if (home == nullptr) GTEST_SKIP() << "no HOME";
  write("user/grid.yaml",
        "run_root: ~/runs\nplugin_folders: [~/plugins, /x]\n"
        "nodes:\n  a: { transport: ssh, run_root: ~/there }\n"
        "  s: { transport: local, simulated: true, cpus: 1, memory: 1G, directory: ~/sim }\n");
  const LoadResult result = load_config(request_, test_lookup);
  ASSERT_TRUE(result.errors.empty()) << result.error().message;
  EXPECT_EQ(result.config.run_root, std::string(home) + "/runs");
  EXPECT_EQ(result.config.plugin_folders, (std::vector<std::string>{std::string(home) + "/plugins", "/x"}));
  EXPECT_EQ(result.config.nodes.at("a").run_root, "~/there");
  EXPECT_EQ(result.config.nodes.at("s").directory, std::string(home) + "/sim");
}

TEST(Profiles, EveryProfileLoads) {
  int profiles = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(GRID_SOURCE_DIR) / "config")) {
    if (entry.path().extension() != ".yaml") continue;
    ++profiles;
    const LoadResult result = load_text(*read_file(entry.path()));
    EXPECT_TRUE(result.errors.empty()) << entry.path() << ": " << result.error().message;
    EXPECT_TRUE(result.unchecked.empty());
    EXPECT_EQ(result.config.policy, "threshold");
    EXPECT_EQ(result.config.nodes.contains("sim1"), entry.path().stem() == "demo");
    EXPECT_EQ(result.config.offload.allow.size(), entry.path().stem() == "demo" ? 1U : 0U);
  }
  EXPECT_GE(profiles, 2);
}

}  // namespace
}  // namespace grid
