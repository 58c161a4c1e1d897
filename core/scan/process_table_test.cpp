#include "core/scan/process_table.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "core/scan/process_list.hpp"
#include "core/scan/testing.hpp"

namespace grid {
namespace {

using namespace std::chrono_literals;
using testing::stat_line;
using testing::StatLine;
using testing::TempFolder;

void put(const TempFolder& folder, const StatLine& line) {
  folder.write("proc/" + std::to_string(line.pid) + "/stat", stat_line(line));
}

TEST(ParseStat, ReadsTheFields) {
  ProcessRow row;
  ASSERT_TRUE(parse_stat(stat_line({42, "work", 'R', 7, 10, 5, 1234, 3}), row));
  EXPECT_EQ(row.pid, 42);
  EXPECT_EQ(row.ppid, 7);
  EXPECT_EQ(row.state, 'R');
  EXPECT_EQ(row.tpgid, -1);
  EXPECT_EQ(row.cpu_ticks, 15U);
  EXPECT_EQ(row.child_cpu_ticks, 11U);
  EXPECT_EQ(row.threads, 3U);
  EXPECT_EQ(row.start_ticks, 1234U);
  EXPECT_EQ(row.rss_bytes, 3U * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

TEST(ParseStat, TakesAnyName) {
  ProcessRow row;
  ASSERT_TRUE(parse_stat(stat_line({42, "a b) R 1 (x\n", 'S', 7}), row));
  EXPECT_EQ(row.comm, "a b) R 1 (x\n");
  EXPECT_EQ(row.ppid, 7);
  rc::check("any bytes between the brackets are the name", [](const std::string& comm) {
    ProcessRow r;
    RC_ASSERT(parse_stat(stat_line({42, comm, 'S', 7, 1, 2, 99}), r));
    RC_ASSERT(r.comm == comm);
    RC_ASSERT(r.start_ticks == 99U);
  });
}

TEST(ParseStat, RefusesWhatIsCutOff) {
  const auto line = stat_line({42, "work", 'S', 7, 10, 5, 1234, 321});
  const auto needed = line.find(" 321 ") + 5;
  for (std::size_t size = 0; size < needed; ++size) {
    ProcessRow row;
    EXPECT_FALSE(parse_stat(line.substr(0, size), row)) << line.substr(0, size);
  }
  ProcessRow row;
  EXPECT_TRUE(parse_stat(line.substr(0, needed), row));
}

TEST(ParseStat, RefusesGarbage) {
  ProcessRow row;
  for (const char* text :
       {"", "(", ")", ")(", "1 (x)", "1 (x) S", "x (y) S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 \n",
        "1 (y) S 1 1 1 0 0 0 0 0 0 0 -5 0 0 0 0 0 0 0 0 0 0 \n"}) {
    EXPECT_FALSE(parse_stat(text, row)) << text;
  }
}

TEST(ProcessTable, MeasuresCpuBetweenPasses) {
  const TempFolder folder;
  put(folder, {.pid = 100, .utime = 50, .stime = 50});
  ProcessTable table(folder.path(), 10);
  ASSERT_TRUE(table.pass(100s));
  EXPECT_FALSE(table.interval_seconds());
  EXPECT_FALSE(table.find(100)->cpu_fraction) << "one pass knows no rate";
  put(folder, {.pid = 100, .utime = 150, .stime = 100});
  ASSERT_TRUE(table.pass(102s));
  EXPECT_DOUBLE_EQ(*table.interval_seconds(), 2.0);
  EXPECT_DOUBLE_EQ(*table.find(100)->cpu_fraction, 0.75);
  put(folder, {.pid = 100, .utime = 1});
  ASSERT_TRUE(table.pass(103s));
  EXPECT_FALSE(table.find(100)->cpu_fraction) << "a counter that fell gives no rate";
}

TEST(ProcessTable, ANewProcessIsMeasuredByItsAge) {
  const TempFolder folder;
  put(folder, {.pid = 100});
  ProcessTable table(folder.path(), 10);
  ASSERT_TRUE(table.pass(100s));
  put(folder, {.pid = 101, .utime = 25, .start = 10'150});  // 0.5 s old at 102 s
  ASSERT_TRUE(table.pass(102s));
  EXPECT_NEAR(*table.find(101)->cpu_fraction, 0.5, 1e-9);
}

TEST(ProcessTable, AnotherProcessUnderTheSamePidIsANewRow) {
  for (const std::size_t kept : {0U, 10U}) {
    const TempFolder folder;
    put(folder, {.pid = 100, .utime = 5000, .start = 1000});
    ProcessTable table(folder.path(), kept);
    ASSERT_TRUE(table.pass(100s));
    put(folder, {.pid = 100, .comm = "other", .utime = 5100, .start = 10'100});
    ASSERT_TRUE(table.pass(102s));
    ASSERT_EQ(table.rows().size(), 1U);
    EXPECT_EQ(table.find(100)->comm, "other");
    EXPECT_NEAR(*table.find(100)->cpu_fraction, 51.0, 1e-9) << "by its age, not against the one before";
  }
}

TEST(ProcessTable, SurvivesWhatCannotBeRead) {
  const TempFolder folder;
  put(folder, {.pid = 100});
  folder.write("proc/101/stat", "garbage");
  folder.write("proc/102/stat", "");
  folder.write("proc/103/stat", stat_line({.pid = 103}).substr(0, 30));
  folder.write("proc/104/cmdline", "x");                                 // no stat: it ended meanwhile
  std::filesystem::create_directories(folder.path() / "proc/105/stat");  // a read fails
  folder.write("proc/106/stat", stat_line({.pid = 999}));                // another's
  folder.write("proc/self/stat", stat_line({.pid = 100}));
  folder.write("proc/12x/stat", stat_line({.pid = 12}));
  ProcessTable table(folder.path(), 10);
  ASSERT_TRUE(table.pass(100s));
  ASSERT_EQ(table.rows().size(), 1U);
  EXPECT_EQ(table.rows()[0].pid, 100);
  EXPECT_EQ(table.unreadable(), 5U);

  folder.write("proc/100/stat", "now garbage too");
  ASSERT_TRUE(table.pass(101s));
  EXPECT_TRUE(table.rows().empty());
  EXPECT_EQ(table.unreadable(), 6U);
  put(folder, {.pid = 100});
  ASSERT_TRUE(table.pass(102s));
  EXPECT_EQ(table.rows().size(), 1U) << "and back";
}

TEST(ProcessTable, WithoutProcSaysSo) {
  const TempFolder folder;
  ProcessTable table(folder.path(), 10);
  const auto passed = table.pass(1s);
  ASSERT_FALSE(passed);
  EXPECT_EQ(passed.error().code, Code::not_found);
}

TEST(ProcessTable, TenThousandWithFewDescriptors) {
  const TempFolder folder(true);
  for (int pid = 10'000; pid < 20'000; ++pid) put(folder, {.pid = pid, .ppid = pid - 1});
  ProcessTable table(folder.path(), 100);
  ASSERT_TRUE(table.pass(100s));
  ASSERT_TRUE(table.pass(101s));
  ASSERT_EQ(table.rows().size(), 10'000U);
  std::size_t open = 0;
  for (const auto& row : table.rows()) {
    if (row.stat_file) ++open;
  }
  EXPECT_EQ(open, 100U);
  EXPECT_TRUE(std::is_sorted(table.rows().begin(), table.rows().end(),
                             [](auto& a, auto& b) { return a.pid < b.pid; }));
  for (int pid = 10'000; pid < 10'050; ++pid)
    std::filesystem::remove_all(folder.path() / "proc" / std::to_string(pid));
  ASSERT_TRUE(table.pass(102s));
  EXPECT_EQ(table.rows().size(), 9'950U);
}

TEST(ProcessTable, SeesRealProcessesComeAndGo) {
  ProcessTable table({}, 200);
  ASSERT_TRUE(table.pass(boot_clock()));
  ASSERT_NE(table.find(::getpid()), nullptr);
  EXPECT_EQ(table.find(::getpid())->ppid, ::getppid());
  testing::Child child({"sleep", "1000"});
  ASSERT_TRUE(table.pass(boot_clock()));
  const auto* row = table.find(child.pid());
  ASSERT_NE(row, nullptr);
  EXPECT_LT(table.age_seconds(*row), 30);
  const auto pid = child.pid();
  child.end();
  ASSERT_TRUE(table.pass(boot_clock()));
  EXPECT_EQ(table.find(pid), nullptr);
}

TEST(ListProcesses, HasArgumentsAndOwner) {
  testing::Child child({"sleep", "1000"});
  ASSERT_TRUE(testing::eventually([&] {
    const auto list = list_processes();
    if (!list) return false;
    for (const auto& one : *list) {
      if (one.row.pid == child.pid())
        return one.args == std::string(
                               "sleep\0"
                               "1000\0",
                               11) &&
               one.uid == ::getuid();
    }
    return false;
  }));
}

}  // namespace
}  // namespace grid
