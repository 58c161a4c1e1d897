#include "tar.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "disk.hpp"
#include "sha256.hpp"

namespace grid::ssh {
namespace {

namespace fs = std::filesystem;

// What we write is read by both programs that nodes have.
class TarTest : public ::testing::TestWithParam<std::string> {
 protected:
  TarTest() {
    std::string name = fs::temp_directory_path() / "grid-tar-XXXXXX";
    base = ::mkdtemp(name.data());
  }
  ~TarTest() override { fs::remove_all(base); }
  // Empty: unpacked without a word.
  std::string unpack(const std::string& archive) {
    std::ofstream(base / "archive", std::ios::binary) << archive;
    fs::create_directories(base / "out");
    const std::string command =
        GetParam() + " -xpof " + (base / "archive").string() + " -C " + (base / "out").string() + " 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string said;
    char buffer[512];
    while (::fgets(buffer, sizeof buffer, pipe) != nullptr) said += buffer;
    const int status = ::pclose(pipe);
    return status == 0 ? said : said + " status " + std::to_string(status);
  }
  fs::path base;
};

TEST_P(TarTest, Long_names_long_targets_and_odd_bytes_are_unpacked) {
  std::string archive;
  const std::string longest(255, 'n');
  std::vector<std::string> names = {
      "short",   std::string(99, 'a'), std::string(100, 'b'), std::string(101, 'c'), "with\nnewline", "-dash",
      "\xff\x80"};
  std::string deep;
  for (int i = 0; i < 12; ++i) {
    deep += longest + "/";
    TarEntry folder;
    folder.kind = TarEntry::Kind::folder;
    folder.name = deep.substr(0, deep.size() - 1);
    folder.mode = 0755;
    archive += tar_header(folder);
  }
  names.push_back(deep + longest);
  for (const auto& name : names) {
    TarEntry file;
    file.name = name;
    file.size = name.size();
    file.mode = 0640;
    file.mtime_ns = 1'700'000'000'123'456'789;
    archive += tar_header(file) + name + tar_padding(name.size());
  }
  TarEntry link;
  link.kind = TarEntry::Kind::symlink;
  link.name = "link" + std::string(150, 'l');
  link.target = "/" + std::string(4000, 't');
  archive += tar_header(link);
  archive += tar_end();
  ASSERT_EQ(archive.size() % 512, 0U);
  ASSERT_EQ(unpack(archive), "");
  for (const auto& name : names) {
    const fs::path path = base / "out" / name;
    const auto facts = look(path);
    ASSERT_TRUE(facts) << name;
    EXPECT_EQ(facts->mode, 0100640U);
    EXPECT_EQ(facts->size, name.size());
    const bool fraction = GetParam() == "tar";
    EXPECT_EQ(facts->mtime_ns, 1'700'000'000'000'000'000 + (fraction ? 123'456'789 : 0));
    EXPECT_EQ(slice_sum(path, 0, 1U << 20U).value(), sha256(name));
  }
  EXPECT_EQ(fs::read_symlink(base / "out" / link.name), link.target);
}

TEST_P(TarTest, Times_beyond_what_a_header_holds_do_not_spoil_the_archive) {
  std::string archive;
  for (const std::int64_t ns : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX}) {
    TarEntry file;
    file.name = "f" + std::to_string(ns);
    file.mode = 0600;
    file.mtime_ns = ns;
    archive += tar_header(file);
  }
  unpack(archive + tar_end());
  EXPECT_EQ(std::distance(fs::directory_iterator(base / "out"), fs::directory_iterator()), 4);
}

INSTANTIATE_TEST_SUITE_P(Programs, TarTest, ::testing::Values("tar", "busybox tar"),
                         [](const auto& program) { return program.param == "tar" ? "gnu" : "busybox"; });

TEST(Sha256, Is_what_sha256sum_prints) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace grid::ssh
