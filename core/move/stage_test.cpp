#include "core/move/stage.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "core/move/return_plan.hpp"

namespace grid {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = ManifestEntry::Kind;

class StageTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& path, const std::string& content = "x") const {
    fs::create_directories(fs::path(folder_ + '/' + path).parent_path());
    std::ofstream(folder_ + '/' + path) << content;
  }
  [[nodiscard]] Manifest manifest() const {
    auto made = make_manifest(folder_, StageRules{});
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or(Manifest{});
  }
  static std::vector<std::string> paths(const Manifest& manifest) {
    std::vector<std::string> all;
    for (const ManifestEntry& entry : manifest.entries) all.push_back(entry.path);
    return all;
  }

  std::string folder_ = "/tmp/grid-stage-XXXXXX";
};

TEST_F(StageTest, ListsFilesLinksAndEmptyFolders) {
  write("a/b/c.txt", "hello");
  write("z\xff\xfe.bin", "12");
  write("new\nline");
  fs::create_directories(folder_ + "/empty/inner");
  fs::create_symlink("a/b/c.txt", folder_ + "/inside");
  fs::create_symlink("../../etc/passwd", folder_ + "/a/outside");
  fs::create_symlink("/", folder_ + "/root");
  ::chmod((folder_ + "/a/b/c.txt").c_str(), 0640);
  const Manifest made = manifest();
  EXPECT_THAT(paths(made), ElementsAre("a/b/c.txt", "a/outside", "empty", "empty/inner", "inside",
                                       "new\nline", "root", "z\xff\xfe.bin"));
  const ManifestEntry* file = made.find("a/b/c.txt");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->size, 5U);
  EXPECT_EQ(file->mode, 0640U);
  EXPECT_EQ(file->kind, Kind::file);
  EXPECT_GT(file->inode, 0U);
  EXPECT_GT(file->mtime_ns, 1'600'000'000'000'000'000);
  EXPECT_EQ(made.find("root")->target, "/");
  EXPECT_EQ(made.find("empty/inner")->kind, Kind::folder);
  EXPECT_EQ(made.find("a"), nullptr);
  EXPECT_THAT(made.notes, SizeIs(2)) << "one for each link that points out";
}

TEST_F(StageTest, LeavesOutWhatIsIgnoredAndWhatIsNoFile) {
  write(".gridignore", "*.log\nnode_modules/\n/only-top\n");
  write("a.log");
  write("node_modules/deep/x");
  write("only-top");
  write("sub/only-top");
  write("keep");
  write("rule");
  ASSERT_EQ(::mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  StageRules rules;
  rules.ignore = IgnoreRules::parse("rule", "config").value();
  auto made = make_manifest(folder_, rules);
  ASSERT_TRUE(made);
  EXPECT_THAT(paths(*made), ElementsAre(".gridignore", "keep", "sub/only-top"));
  EXPECT_THAT(made->notes, ElementsAre("pipe is a socket, pipe or device: it stays here"));

  write(".gridignore", "ok\n!no\n");
  const auto broken = make_manifest(folder_, StageRules{});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Code::config_invalid);
  EXPECT_THAT(broken.error().message, HasSubstr(".gridignore:2:"));
}

TEST_F(StageTest, RefusesMoreThanTheLimits) {
  write("small");
  {
    std::ofstream large(folder_ + "/large");
    large.seekp((std::int64_t{3} << 30) + (std::int64_t{205} << 20) - 1) << 'x';  // sparse
  }
  const auto refused = make_manifest(folder_, StageRules{});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::preflight_failed);
  EXPECT_THAT(refused.error().message, HasSubstr("3.2 GiB, above offload.stage.max 1.0 GiB"));
  EXPECT_THAT(refused.error().hint, HasSubstr("--no-stage"));
  write(".gridignore", "large");
  EXPECT_TRUE(make_manifest(folder_, StageRules{}));

  StageRules few;
  few.max_files = 1;
  EXPECT_EQ(make_manifest(folder_, few).error().code, Code::preflight_failed);
  EXPECT_EQ(make_manifest(folder_ + "/none", {}).error().code, Code::not_found);
}

TEST_F(StageTest, NotesWhatCannotBeRead) {
  write("secret");
  write("closed/in");
  write("open");
  ::chmod(folder_.c_str(), 0755);
  ::chmod((folder_ + "/secret").c_str(), 0000);
  ::chmod((folder_ + "/closed").c_str(), 0000);
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const auto made = make_manifest(folder_, StageRules{});
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ::chmod((folder_ + "/closed").c_str(), 0700);
  ASSERT_TRUE(made);
  EXPECT_THAT(paths(*made), ElementsAre("closed", "open"));
  EXPECT_THAT(made->notes, SizeIs(2));
  EXPECT_THAT(made->notes, Contains(HasSubstr("secret cannot be read")));
}

TEST_F(StageTest, NeverStagesHomesAndTheSystem) {
  const std::string home = folder_ + "/home/me";
  fs::create_directories(home + "/project");
  for (const std::string& folder :
       {std::string("/"), std::string("/tmp"), std::string("/var/tmp"), std::string("/root"),
        std::string("/usr/bin"), std::string("/etc"), home, folder_ + "/home", home + "/."})
    EXPECT_FALSE(stage_scope(folder, home).allowed) << folder;
  EXPECT_TRUE(stage_scope(home + "/project", home).allowed) << stage_scope(home + "/project", home).reason;
  EXPECT_TRUE(stage_scope(home + "/project/../project", home).allowed);
  fs::create_symlink("/", folder_ + "/link");
  EXPECT_FALSE(stage_scope(folder_ + "/link", home).allowed) << "a link to / is /";
  fs::create_directories(folder_ + "/work");
  EXPECT_TRUE(stage_scope(folder_ + "/work", home).allowed) << "below /tmp";
  EXPECT_THAT(stage_scope(folder_ + "/none", home).reason, HasSubstr("cannot be entered"));
}

TEST_F(StageTest, MarkersComeAndGo) {
  fs::path path;
  {
    auto marker = Marker::make(folder_);
    ASSERT_TRUE(marker);
    const Marker moved = std::move(*marker);
    path = moved.path();
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(Marker::make(folder_ + "/none").error().code, Code::storage_failed);
}

TEST(SizeText, RoundsAsPeopleDo) {
  EXPECT_EQ(size_text(0), "0 bytes");
  EXPECT_EQ(size_text(1), "1 byte");
  EXPECT_EQ(size_text(1024), "1.0 KiB");
  EXPECT_EQ(size_text((1U << 20U) - 1), "1.0 MiB");
  EXPECT_EQ(size_text(std::uint64_t{1} << 30U), "1.0 GiB");
}

class ReturnTest : public StageTest {
 protected:
  // The work folder as it is when nothing was changed on the target.
  static std::vector<FileFact> same(const Manifest& manifest) {
    std::vector<FileFact> facts;
    for (const ManifestEntry& e : manifest.entries)
      if (e.kind != Kind::folder)
        facts.push_back({e.path, e.size, e.mtime_ns, e.mode, e.kind == Kind::symlink, ""});
    return facts;
  }
  static FileFact fresh(const std::string& path) {
    return {path, 10, 1'700'000'000'000'000'000, 0644, false, ""};
  }
  [[nodiscard]] ReturnPlan plan(const Manifest& staged, const std::vector<FileFact>& after) const {
    return plan_return(staged, after, folder_, "7");
  }
};

TEST_F(ReturnTest, WhatDidNotChangeStays) {
  write("a");
  write("b/c");
  fs::create_symlink("a", folder_ + "/l");
  const Manifest staged = manifest();
  EXPECT_THAT(plan(staged, same(staged)).files, IsEmpty());
  EXPECT_THAT(plan(staged, {}).files, IsEmpty()) << "what was deleted there is not deleted here";
}

TEST_F(ReturnTest, NewAndChangedFilesComeHome) {
  for (const char* name : {"size", "time", "mode", "same"}) write(name);
  fs::create_symlink("a", folder_ + "/link");
  const Manifest staged = manifest();
  std::vector<FileFact> after = same(staged);
  for (FileFact& fact : after) {
    if (fact.path == "size") ++fact.size;
    if (fact.path == "time") ++fact.mtime_ns;
    if (fact.path == "mode") fact.mode ^= 0100U;
    if (fact.path == "link") fact.mode = 0644;  // the mode of a link means nothing
  }
  after.push_back(fresh("new/deep/\xff"));
  std::vector<std::string> names;
  for (const ReturningFile& file : plan(staged, after).files) {
    EXPECT_EQ(file.destination, file.path);
    EXPECT_FALSE(file.conflict);
    names.push_back(file.path);
  }
  EXPECT_THAT(names, ElementsAre("mode", "size", "time", "new/deep/\xff"));
}

TEST_F(ReturnTest, WhatChangedOnBothSidesArrivesBesideIt) {
  for (const char* name : {"edited", "replaced", "deleted", "becomes"}) write(name);
  const Manifest staged = manifest();
  write("edited", "longer than before");
  write("other");
  const auto time = fs::last_write_time(folder_ + "/replaced");
  fs::rename(folder_ + "/other", folder_ + "/replaced");  // same size, same time, another inode
  fs::last_write_time(folder_ + "/replaced", time);
  fs::remove(folder_ + "/deleted");
  fs::remove(folder_ + "/becomes");
  fs::create_directory(folder_ + "/becomes");
  write("appeared");
  write("twice");
  write("twice.grid-7");
  std::vector<FileFact> after;
  for (const char* name : {"edited", "replaced", "deleted", "becomes", "appeared", "twice", "edited.grid-7"})
    after.push_back(fresh(name));
  std::vector<std::string> names;
  for (const ReturningFile& file : plan(staged, after).files) {
    names.push_back(file.destination);
    EXPECT_EQ(file.conflict, file.destination != file.path);
  }
  EXPECT_THAT(names, ElementsAre("edited.grid-7.2", "replaced.grid-7", "deleted", "becomes.grid-7",
                                 "appeared.grid-7", "twice.grid-7.2", "edited.grid-7"));
}

TEST_F(ReturnTest, NothingLandsOutside) {
  write("file");
  fs::create_symlink("/etc", folder_ + "/link");
  const Manifest staged = manifest();
  std::vector<FileFact> after;
  for (const std::string& name : {std::string("../x"), std::string("/etc/x"), std::string("a/../../x"),
                                  std::string(""), std::string("."), std::string("a//b"), std::string("a/"),
                                  std::string("a\0b", 3), std::string("link/x"), std::string("file/x")})
    after.push_back(fresh(name));
  const ReturnPlan made = plan(staged, after);
  EXPECT_THAT(made.files, IsEmpty());
  EXPECT_THAT(made.refused, SizeIs(after.size()));
  EXPECT_EQ(made.refused[8].reason, "link is a symbolic link here");
  EXPECT_EQ(made.refused[9].reason, "file is not a folder here");
  EXPECT_THAT(plan(staged, {fresh("n"), fresh("n")}).files, SizeIs(1));
}

}  // namespace
}  // namespace grid
