#include "file_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace grid::ssh {
namespace {

using ::testing::ElementsAre;

TEST(FileList, A_record_is_read_to_the_nanosecond) {
  const auto file = parse_node_file("81a4 700 1700000000 2023-11-14 22:13:20.023456789 +0000 ./a b\n ");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->path, "a b\n ");
  EXPECT_EQ(file->size, 700U);
  EXPECT_EQ(file->mtime_ns, 1'700'000'000'023'456'789);
  EXPECT_EQ(file->mode, 0100644U);
  EXPECT_EQ(parse_node_file("81a4 0 5 2023-11-14 22:13:20 +0000 ./x")->mtime_ns, 5'000'000'000);
  EXPECT_EQ(parse_node_file("81a4 0 -1 1969-12-31 23:59:59.25 +0000 ./x")->mtime_ns, -750'000'000);
}

TEST(FileList, What_is_garbled_is_no_record) {
  for (const char* text : {"", "81a4", "81a4 1 1 a 1.2", "zz 1 1 a 1.2 +0 ./x", "81a4 -1 1 a 1.2 +0 ./x",
                           "81a4 1 1 a 1.x +0 ./x", "81a4 1 1 a 1.2 +0 x", "81a4 1 1 a 1.2 +0 ./",
                           "81a4 1 99999999999999 a 1.2 +0 ./x", "81a4 1 1 a 1.-5 +0 ./x"}) {
    EXPECT_FALSE(parse_node_file(text)) << text;
  }
  FileReader reader([](const NodeFile&) {});
  const auto taken = reader.take("sh: stat: not found//\n");
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::storage_failed);
  FileReader endless([](const NodeFile&) {});
  EXPECT_FALSE(endless.take(std::string(100'000, 'x')));
}

TEST(FileList, Free_space_is_told_where_it_can_be) {
  FileReader reader([](const NodeFile&) {});
  EXPECT_TRUE(reader.take("free /dev/my disk 100 40 60 40% /mnt/a b//\n"));
  EXPECT_EQ(reader.free_bytes(), 60U * 1024);
  EXPECT_FALSE(reader.complete());
  EXPECT_TRUE(reader.take("free //\n//\n"));
  EXPECT_FALSE(reader.free_bytes());
  EXPECT_TRUE(reader.complete());
}

TEST(FileList, Paths_inside_are_shortened_and_others_refused) {
  EXPECT_EQ(inside("a/b").value(), "a/b");
  EXPECT_EQ(inside("./a//./b/").value(), "a/b");
  EXPECT_EQ(inside("..a/b..").value(), "..a/b..");
  for (const char* path : {"", ".", "./", "/", "/a", "..", "a/..", "a/../b", "../a"}) {
    EXPECT_EQ(inside(path).error().code, Code::usage) << path;
  }
  EXPECT_FALSE(inside(std::string("a\0b", 3)));
  std::set<std::string> folders;
  add_parents("a/b/c", folders);
  add_parents("d", folders);
  EXPECT_THAT(folders, ElementsAre("a", "a/b"));
}

TEST(FileList, Times_are_the_same_when_one_side_keeps_seconds_only) {
  EXPECT_TRUE(same_time(5'000'000'001, 5'000'000'001));
  EXPECT_FALSE(same_time(5'000'000'001, 5'000'000'002));
  EXPECT_TRUE(same_time(5'000'000'000, 5'999'999'999));
  EXPECT_TRUE(same_time(5'999'999'999, 5'000'000'000));
  EXPECT_FALSE(same_time(5'000'000'000, 6'000'000'000));
}

}  // namespace
}  // namespace grid::ssh
