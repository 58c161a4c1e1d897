#include "core/base/files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace grid {
namespace {
namespace fs = std::filesystem;

class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    std::string pattern = (fs::temp_directory_path() / "grid-files-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FilesTest() override { fs::remove_all(folder_); }
  static unsigned mode(const fs::path& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 ? facts.st_mode & 07777U : 0;
  }
  fs::path folder_;
};

TEST_F(FilesTest, WrittenWholeAndPrivate) {
  const fs::path file = folder_ / "f";
  ASSERT_TRUE(write_file(file, std::string("a\0b", 3)));
  EXPECT_EQ(read_file(file).value(), std::string("a\0b", 3));
  EXPECT_EQ(mode(file), 0600U);
  ASSERT_TRUE(write_file(file, "new"));
  EXPECT_EQ(read_file(file).value(), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);  // nothing left beside
}

TEST_F(FilesTest, ErrorsSayWhatAndWhere) {
  EXPECT_EQ(read_file(folder_ / "none").error().code, Code::not_found);
  EXPECT_EQ(read_file(folder_).error().code, Code::storage_failed);  // a folder
  ASSERT_TRUE(write_file(folder_ / "f", "12345"));
  EXPECT_TRUE(read_file(folder_ / "f", 5));
  EXPECT_EQ(read_file(folder_ / "f", 4).error().code, Code::usage);
  const auto failed = write_file(folder_ / "none" / "f", "x");
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("No such file"), std::string::npos);
  // What is in the way stays, and nothing is left beside it.
  fs::create_directories(folder_ / "d" / "full");
  EXPECT_FALSE(write_file(folder_ / "d", "x"));
  EXPECT_TRUE(fs::is_directory(folder_ / "d" / "full"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2);
}

TEST_F(FilesTest, PrivateFolders) {
  const fs::path made = folder_ / "a" / "b";
  ASSERT_TRUE(make_private_folder(made));
  EXPECT_EQ(mode(made), 0700U);
  EXPECT_TRUE(make_private_folder(made));

  fs::create_directory_symlink(made, folder_ / "link");
  EXPECT_EQ(make_private_folder(folder_ / "link").error().code, Code::policy_denied);
  ::chmod(made.c_str(), 0770);
  const auto open = make_private_folder(made);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().hint, "chmod 0700 " + made.string());
  std::ofstream(folder_ / "file") << "x";
  EXPECT_FALSE(make_private_folder(folder_ / "file"));
  EXPECT_EQ(make_private_folder(folder_ / "file" / "below").error().code, Code::storage_failed);
  if (::geteuid() == 0) {
    ::chmod(made.c_str(), 0700);
    ASSERT_EQ(::chown(made.c_str(), 12345, 12345), 0);
    EXPECT_EQ(make_private_folder(made).error().code, Code::policy_denied);
  }
}

}  // namespace
}  // namespace grid
