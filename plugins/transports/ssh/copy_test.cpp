#include <sys/mount.h>

#include <random>

#include "copy_testing.hpp"
#include "disk.hpp"

namespace grid::ssh {
namespace {

namespace fs = std::filesystem;
using testing::contents;
using testing::CopyTest;
using testing::Flavour;
using ::testing::HasSubstr;
using testing::random_bytes;
using testing::remove_tree;
using testing::said;
using testing::write;

constexpr std::int64_t second_ns = 1'000'000'000;

void set_mtime(const fs::path& file, std::int64_t ns) {
  const struct timespec times[2] = {{0, UTIME_OMIT}, {ns / second_ns, ns % second_ns}};
  ::utimensat(AT_FDCWD, file.c_str(), times, AT_SYMLINK_NOFOLLOW);
}

// Whether two trees are the same: names, kinds, modes, bytes, links and, for files, times.
void expect_same(const fs::path& a, const fs::path& b, bool whole_seconds) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(a)) {
    const fs::path other = b / entry.path().lexically_relative(a);
    SCOPED_TRACE(other.string());
    const auto x = look(entry.path());
    const auto y = look(other);
    ASSERT_TRUE(x && y);
    ++count;
    EXPECT_EQ(x->mode, y->mode);
    if (S_ISLNK(x->mode)) {
      EXPECT_EQ(fs::read_symlink(entry.path()), fs::read_symlink(other));
    }
    if (!S_ISREG(x->mode)) continue;
    EXPECT_EQ(contents(entry.path()), contents(other));
    const std::int64_t unit = whole_seconds ? second_ns : 1;
    EXPECT_EQ(x->mtime_ns / unit, y->mtime_ns / unit);
  }
  std::size_t other_count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(b)) {
    (void)entry;
    ++other_count;
  }
  EXPECT_EQ(count, other_count);
}

void make_random_tree(const fs::path& root, unsigned seed) {
  std::mt19937 random(seed);
  const std::vector<std::string> names = {
      "plain",   "two words",           "-rf",       "line\nbreak",  "quo'te\"s",
      "$(date)", "back\\slash",         "*",         "\xff\xfe\x01", ".hidden",
      "..odd",   "trailing\n",          "tab\there", "#x",           "a;b",
      "~",       std::string(200, 'n'), "%s%n",      "{}",           "'"};
  const unsigned modes[] = {0644, 0600, 0755, 0444, 0400, 0666, 0640};
  std::vector<fs::path> folders = {root};
  for (int i = 0; i < 6; ++i) {
    folders.push_back(folders[random() % folders.size()] /
                      (names[random() % names.size()] + std::to_string(i)));
    fs::create_directories(folders.back());
  }
  for (int i = 0; i < 60; ++i) {
    const fs::path file =
        folders[random() % folders.size()] / (names[random() % names.size()] + std::to_string(i));
    if (random() % 6 == 0) {
      fs::create_symlink(i % 2 == 0 ? "/nowhere/" + std::string(i * 3, 'l') : "../line\nbreak", file);
      continue;
    }
    const std::size_t size = random() % 5 == 0 ? 0 : random() % 3000;
    write(file, random_bytes(size, seed + static_cast<unsigned>(i)), modes[random() % 7]);
    set_mtime(file, 1'600'000'000 * second_ns + static_cast<std::int64_t>(random() % 1'000'000) * 1'234'567);
  }
  for (const auto& name : names) write(root / name, name);
  fs::permissions(folders[3], fs::perms(0555));
  fs::permissions(folders[4], fs::perms(0700));
}

TEST_P(CopyTest, A_random_tree_comes_back_as_it_went) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    for (const auto& place : {head, work, back}) remove_tree(place);
    fs::create_directories(work);
    make_random_tree(head, seed);
    ASSERT_EQ(said(put(all_in(head))), "");
    const bool whole_seconds = GetParam().busybox_tools;
    expect_same(head, work, whole_seconds);
    ASSERT_EQ(said(get(all_out())), "");
    expect_same(work, back, false);
    EXPECT_TRUE(tidy());
  }
}

TEST_P(CopyTest, The_list_is_exact_whatever_the_names) {
  make_random_tree(work, 7);
  set_mtime(work / "plain", 1'700'000'000 * second_ns + 123'456'789);
  ASSERT_EQ(::mkfifo((work / "fifo").c_str(), 0600), 0);
  const auto files = list();
  ASSERT_TRUE(files) << files.error().message;
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(work)) {
    const auto facts = look(entry.path());
    if (!S_ISREG(facts->mode) && !S_ISLNK(facts->mode)) continue;
    ++count;
    const std::string path = entry.path().lexically_relative(work);
    const auto found =
        std::find_if(files->begin(), files->end(), [&](const FileFact& file) { return file.path == path; });
    ASSERT_NE(found, files->end()) << path;
    EXPECT_EQ(found->size, facts->size);
    EXPECT_EQ(found->mtime_ns, facts->mtime_ns);
    EXPECT_EQ(found->mode, facts->mode & 07777);
    EXPECT_EQ(found->symlink, S_ISLNK(facts->mode));
  }
  EXPECT_EQ(files->size(), count);
  EXPECT_TRUE(std::is_sorted(files->begin(), files->end(),
                             [](const auto& a, const auto& b) { return a.path < b.path; }));
  EXPECT_EQ(shell->requests, 1);
  remove_tree(work);
  EXPECT_EQ(list().error().code, Code::not_found);
}

TEST_P(CopyTest, Two_thousand_small_files_take_few_requests_and_little_time) {
  for (int i = 0; i < 2000; ++i) {
    write(head / ("d" + std::to_string(i % 40)) / ("f" + std::to_string(i)), random_bytes(700, i));
  }
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(said(put(all_in(head))), "");
  EXPECT_LE(shell->requests, 3);
  ASSERT_EQ(said(get(all_out())), "");
  EXPECT_LE(shell->requests, 7);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  expect_same(head, back, GetParam().busybox_tools);
  // A second time nothing is sent but names and checksums.
  const std::uint64_t up = shell->up_bytes;
  const std::uint64_t down = shell->down_bytes;
  ASSERT_EQ(said(put(all_in(head))), "");
  EXPECT_LT(shell->up_bytes - up, 200'000U);
  ASSERT_EQ(said(get(all_out())), "");
  EXPECT_LT(shell->down_bytes - down, 600'000U);
}

TEST_P(CopyTest, A_large_file_that_was_cut_off_on_the_way_in_is_resumed) {
  struct Try {
    std::size_t size, cut;
  };
  for (const auto [size, cut] :
       {Try{3'000'000, 0}, Try{3'000'000, 999'999}, Try{20'000'000, 7'340'033}, Try{3'145'728, 3'145'727}}) {
    const std::string bytes = random_bytes(size, 5);
    fs::remove_all(work);
    fs::create_directories(work);
    write(head / "big", bytes, 0750);
    set_mtime(head / "big", 1'700'000'000 * second_ns + 123'456'789);
    shell->faults = {{"copy_append", true, cut}};
    EXPECT_EQ(put({{head / "big", "in/big"}}).error().code, Code::node_unreachable);
    EXPECT_FALSE(fs::exists(work / "in/big"));
    const std::uint64_t before = shell->up_bytes;
    ASSERT_EQ(said(put({{head / "big", "in/big"}})), "");
    EXPECT_LT(shell->up_bytes - before, bytes.size() - cut + (2U << 20U)) << cut;
    EXPECT_EQ(contents(work / "in/big") == bytes, true);
    EXPECT_EQ(look(work / "in/big")->mode & 07777, 0750U);
    EXPECT_EQ(look(work / "in/big")->mtime_ns / second_ns, 1'700'000'000);
    EXPECT_EQ(look(work / "in/big")->mtime_ns % second_ns, GetParam().busybox_tools ? 0 : 123'456'789);
    EXPECT_TRUE(tidy());
    const std::uint64_t once = shell->up_bytes;
    ASSERT_EQ(said(put({{head / "big", "in/big"}})), "");
    EXPECT_LT(shell->up_bytes - once, 1000U) << "what is there is not sent";
  }
}

TEST_P(CopyTest, A_large_file_that_was_cut_off_on_the_way_out_is_resumed) {
  struct Try {
    std::size_t size, cut;
  };
  // The last one breaks within the checksum.
  for (const auto [size, cut] : {Try{3'000'000, 0}, Try{3'000'000, 999'999}, Try{20'000'000, 7'340'033},
                                 Try{3'145'728, 3'145'727}, Try{3'000'000, 3'000'010}}) {
    const std::string bytes = random_bytes(size, 6);
    write(work / "out", bytes, 0640);
    set_mtime(work / "out", 1'700'000'000 * second_ns + 5);
    fs::remove_all(back);
    shell->faults = {{"copy_range", false, cut}};
    EXPECT_EQ(get({{"out", back / "out"}}).error().code, Code::node_unreachable);
    EXPECT_FALSE(fs::exists(back / "out"));
    const std::uint64_t before = shell->down_bytes;
    ASSERT_EQ(said(get({{"out", back / "out"}})), "");
    EXPECT_LT(shell->down_bytes - before,
              bytes.size() - std::min<std::uint64_t>(cut, bytes.size()) + (2U << 20U));
    expect_same(work, back, false);
    EXPECT_TRUE(tidy());
  }
}

TEST_P(CopyTest, A_part_of_another_content_is_not_continued) {
  write(head / "big", random_bytes(5'000'000, 1));
  shell->faults = {{"copy_append", true, 4'000'000}};
  EXPECT_FALSE(put({{head / "big", "big"}}));
  write(head / "big", random_bytes(5'000'000, 2));
  ASSERT_EQ(said(put({{head / "big", "big"}})), "");
  expect_same(head, work, GetParam().busybox_tools);
  shell->faults = {{"copy_range", false, 4'000'000}};
  EXPECT_FALSE(get({{"big", back / "big"}}));
  write(work / "big", random_bytes(5'000'000, 3));
  ASSERT_EQ(said(get({{"big", back / "big"}})), "");
  expect_same(work, back, false);
}

TEST_P(CopyTest, Small_files_cut_off_leave_nothing_half_done) {
  for (int i = 0; i < 50; ++i) write(head / ("f" + std::to_string(i)), random_bytes(20'000, i));
  shell->faults = {{"copy_unpack", true, 400'000}};
  EXPECT_EQ(put(all_in(head)).error().code, Code::node_unreachable);
  EXPECT_TRUE(fs::is_empty(work));
  EXPECT_TRUE(tidy());
  ASSERT_EQ(said(put(all_in(head))), "");
  shell->faults = {{"copy_fetch", false, 400'000}};
  EXPECT_EQ(get(all_out()).error().code, Code::node_unreachable);
  EXPECT_FALSE(fs::exists(back / "f0"));
  ASSERT_EQ(said(get(all_out())), "");
  expect_same(head, back, GetParam().busybox_tools);
  EXPECT_TRUE(tidy());
}

TEST_P(CopyTest, A_spoiled_byte_is_noticed_and_the_file_sent_again) {
  for (const char* name : {"a", "b", "c"}) write(head / name, random_bytes(100'000, 9));
  write(head / "big", random_bytes(3'000'000, 9));
  shell->faults = {{"copy_unpack", true, 250'000, true}, {"copy_append", true, 1'500'000, true}};
  ASSERT_EQ(said(put(all_in(head))), "");
  EXPECT_EQ(shell->faults[0].times + shell->faults[1].times, 0);
  expect_same(head, work, GetParam().busybox_tools);
  shell->faults = {{"copy_fetch", false, 150'000, true}, {"copy_range", false, 1'500'000, true}};
  // The first try ends with the first of them, the second one with the other.
  const auto got = get(all_out());
  if (!got) {
    ASSERT_EQ(said(get(all_out())), "");
  }
  expect_same(work, back, false);
  EXPECT_TRUE(tidy());
}

TEST_P(CopyTest, A_byte_spoiled_twice_is_an_error_that_names_the_file) {
  for (const char* name : {"a", "b", "c"}) write(head / name, random_bytes(100'000, 9));
  write(head / "big", random_bytes(3'000'000, 9));
  shell->faults = {{"copy_unpack", true, 50'000, true, 2}};
  auto result = put({{head / "a", "a"}, {head / "b", "b"}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::storage_failed);
  EXPECT_TRUE(result.error().retryable);
  EXPECT_THAT(result.error().message, HasSubstr("'a'"));
  EXPECT_FALSE(fs::exists(work / "a"));
  shell->faults = {{"copy_append", true, 2'000'000, true, 2}};
  result = put({{head / "big", "big"}});
  ASSERT_FALSE(result);
  EXPECT_THAT(said(result), HasSubstr("StorageFailed: 'big' differs"));
  EXPECT_FALSE(fs::exists(work / "big"));
  fs::copy(head, work, fs::copy_options::recursive);
  shell->faults = {{"copy_fetch", false, 50'000, true, 2}};
  result = get({{"b", back / "b"}, {"c", back / "c"}});
  ASSERT_FALSE(result);
  EXPECT_THAT(said(result), HasSubstr("StorageFailed: 'b' differs"));
  EXPECT_FALSE(fs::exists(back / "b"));
  shell->faults = {{"copy_range", false, 50'000, true, 2}};
  EXPECT_THAT(said(get({{"big", back / "big"}})), HasSubstr("StorageFailed: 'big' differs"));
  EXPECT_FALSE(fs::exists(back / "big"));
}

TEST_P(CopyTest, Nothing_leaves_the_work_folder) {
  const fs::path outside = base / "outside";
  write(outside / "secret", "keep");
  fs::create_symlink(outside, work / "link");
  fs::create_symlink(outside / "secret", work / "leaf");
  write(head / "f", "new");
  fs::create_directories(head / "folder");
  for (const std::string to :
       {"../outside/f", "a/../../outside/f", "/etc/f", "", ".", "link/f", "link/sub/f"}) {
    SCOPED_TRACE(to);
    EXPECT_EQ(put({{head / "f", to}}).error().code, Code::usage);
    EXPECT_EQ(get({{to, back / "f"}}).error().code, Code::usage);
  }
  EXPECT_EQ(put({{head / "folder", "link"}}).error().code, Code::usage);
  write(head / "large", random_bytes(1'500'000, 1));
  EXPECT_EQ(put({{head / "large", "link/large"}}).error().code, Code::usage);
  // A link that has the file's own name is replaced, and comes back as a link.
  ASSERT_EQ(said(get({{"leaf", back / "leaf"}, {"link", back / "link"}})), "");
  EXPECT_EQ(fs::read_symlink(back / "leaf"), outside / "secret");
  ASSERT_EQ(said(put({{head / "f", "leaf"}, {head / "f", "link"}, {head / "large", "x"}})), "");
  EXPECT_FALSE(fs::is_symlink(work / "leaf"));
  EXPECT_FALSE(fs::is_symlink(work / "link"));
  EXPECT_EQ(contents(outside / "secret"), "keep");
  EXPECT_EQ(std::distance(fs::directory_iterator(outside), fs::directory_iterator()), 1);
  // Nor is a link followed on the head that an earlier copy brought.
  fs::remove(work / "link");
  write(work / "link/f", "planted");
  const auto result = get({{"link/f", back / "link/f"}});
  EXPECT_EQ(result.error().code, Code::usage);
  EXPECT_FALSE(fs::exists(outside / "f"));
}

TEST_P(CopyTest, The_node_refuses_a_link_that_was_planted_after_the_look) {
  const fs::path outside = base / "outside";
  fs::create_directories(outside);
  write(head / "f", "new");
  write(head / "large", random_bytes(1'500'000, 1));
  shell->in_body = [&](const std::string& verb) {
    if (verb == "copy_unpack" || verb == "copy_append") fs::create_symlink(outside, work / "d");
  };
  auto result = put({{head / "f", "d/f"}});
  EXPECT_EQ(result.error().code, Code::usage) << said(result);
  fs::remove(work / "d");
  result = put({{head / "large", "d/large"}});
  EXPECT_EQ(result.error().code, Code::usage) << said(result);
  EXPECT_TRUE(fs::is_empty(outside));
}

TEST_P(CopyTest, What_is_missing_is_named_and_the_rest_arrives) {
  write(work / "here", "1");
  write(work / "dir/too", "2");
  auto result =
      get({{"here", back / "here"}, {"gone", back / "gone"}, {"dir/too", back / "too"}, {"a/b", back / "b"}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::not_found);
  EXPECT_THAT(result.error().message, HasSubstr("'gone', 'a/b'"));
  EXPECT_EQ(contents(back / "here"), "1");
  EXPECT_EQ(contents(back / "too"), "2");
  result = put({{head / "nothing", "x"}});
  EXPECT_EQ(result.error().code, Code::not_found);
  EXPECT_THAT(result.error().message, HasSubstr((head / "nothing").string()));
  EXPECT_EQ(said(put({})), "");
  EXPECT_EQ(said(get({})), "");
  fs::remove_all(work);
  write(head / "f", "1");
  EXPECT_EQ(put({{head / "f", "x"}}).error().code, Code::not_found);
  EXPECT_EQ(get({{"x", back / "x"}}).error().code, Code::not_found);
}

TEST_P(CopyTest, A_folder_does_not_give_way_to_a_file_nor_a_file_to_a_folder) {
  write(work / "d/f", "1");
  write(work / "file", "1");
  write(head / "f", "2");
  EXPECT_THAT(said(put({{head / "f", "d"}})), HasSubstr("is a folder"));
  EXPECT_THAT(said(put({{head / "f", "file/f"}})), HasSubstr("is not a folder"));
  EXPECT_EQ(contents(work / "d/f"), "1");
  EXPECT_TRUE(tidy());
}

TEST_P(CopyTest, Files_join_the_folders_that_are_there_and_replace_older_ones) {
  write(work / "d/old", "1");
  write(work / "d/e/both", "1", 0400);
  write(head / "new", "2");
  ASSERT_EQ(said(put({{head / "new", "d/new"}, {head / "new", "d/e/both"}, {head / "new", "d/g/h"}})), "");
  EXPECT_EQ(contents(work / "d/old"), "1");
  EXPECT_EQ(contents(work / "d/e/both"), "2");
  EXPECT_EQ(contents(work / "d/g/h"), "2");
}

TEST_P(CopyTest, Progress_grows_up_to_the_total) {
  write(head / "big", random_bytes(5'000'000, 1));
  write(head / "small", random_bytes(5'000, 1));
  std::vector<std::uint64_t> told;
  ASSERT_EQ(said(put(all_in(head), [&](std::uint64_t done) { told.push_back(done); })), "");
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), 5'005'000U);
  told.clear();
  ASSERT_EQ(said(get(all_out(), [&](std::uint64_t done) { told.push_back(done); })), "");
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), 5'005'000U);
}

TEST_P(CopyTest, A_source_that_changes_meanwhile_is_an_error) {
  write(head / "big", random_bytes(5'000'000, 1));
  shell->in_body = [&](const std::string& verb) {
    if (verb == "copy_append") write(head / "big", "short");
  };
  const auto result = put({{head / "big", "big"}});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("changed while it was copied"));
  EXPECT_TRUE(result.error().retryable);
  EXPECT_FALSE(fs::exists(work / "big"));
}

TEST_P(CopyTest, Nothing_is_answered_when_the_shell_is_gone) {
  write(head / "big", random_bytes(5'000'000, 1));
  bool answered = false;
  copy_in(
      *shell, host, run, {{head / "big", "big"}}, [&](std::uint64_t) { answered = true; },
      [&](Result<>) { answered = true; });
  copy_out(*shell, host, run, {{"big", back / "big"}}, nullptr, [&](Result<>) { answered = true; });
  shell.reset();
  host.run_until([] { return false; }, std::chrono::milliseconds(50));
  EXPECT_FALSE(answered);
}

TEST_P(CopyTest, A_full_disk_is_said_and_leaves_nothing_half_written) {
  const fs::path small = base / "small";
  fs::create_directories(small);
  if (::mount("none", small.c_str(), "tmpfs", 0, "size=4m") != 0)
    GTEST_SKIP() << "mounting a tmpfs needs root";
  run = small / "run";
  work = run / "work";
  fs::create_directories(work);
  write(head / "big", random_bytes(6'000'000, 1));
  for (int i = 0; i < 12; ++i) write(head / ("f" + std::to_string(i)), random_bytes(500'000, i));
  auto result = put({{head / "big", "big"}});
  EXPECT_THAT(said(result), HasSubstr("StorageFailed: no space left on the node"));
  EXPECT_THAT(said(result), HasSubstr("6000000 bytes are needed"));
  // Space that goes while it is copied.
  write(head / "fits", random_bytes(3'000'000, 1));
  shell->in_body = [&](const std::string& verb) {
    if (verb == "copy_unpack" || verb == "copy_append") write(small / "eater", std::string(2'500'000, 'x'));
  };
  result = put({{head / "fits", "fits"}});
  EXPECT_THAT(said(result), HasSubstr("StorageFailed: no space left on the node"));
  EXPECT_FALSE(result.error().hint.empty());
  fs::remove(small / "eater");
  std::vector<FileCopy> files;
  for (int i = 0; i < 6; ++i) files.push_back({head / ("f" + std::to_string(i)), "f" + std::to_string(i)});
  result = put(files);
  EXPECT_THAT(said(result), HasSubstr("StorageFailed: no space left on the node"));
  EXPECT_TRUE(fs::is_empty(work));
  EXPECT_TRUE(tidy());
  fs::remove(small / "eater");
  shell->in_body = nullptr;
  EXPECT_EQ(said(put(files)), "");
  ::umount2(small.c_str(), MNT_DETACH);
}

INSTANTIATE_TEST_SUITE_P(Shells, CopyTest,
                         ::testing::Values(Flavour{"dash", {"/usr/bin/dash"}, false},
                                           Flavour{"bash", {"/usr/bin/bash", "--posix"}, false},
                                           Flavour{"busybox", {"/usr/bin/busybox", "sh"}, true}),
                         [](const auto& flavour) { return flavour.param.name; });

}  // namespace
}  // namespace grid::ssh
