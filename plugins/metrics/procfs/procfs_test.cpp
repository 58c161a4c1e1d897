#include "procfs.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>

#include "parse.hpp"

extern "C" const grid::Descriptor grid_plugin_descriptor;

namespace grid::procfs {
namespace {

class NoHost : public Host {
 public:
  Time now() const override { return {}; }
  void log(LogLevel, std::string_view) override {}
  std::filesystem::path file_root() const override { return {}; }
  bool post(std::function<void()>) override { return false; }
  void work(std::function<void()>) override {}
  std::unique_ptr<Handle> watch_readable(int, std::function<void()>) override { return nullptr; }
  std::unique_ptr<Handle> after(std::chrono::milliseconds, std::function<void()>) override { return nullptr; }
};

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// All files of a folder of fixtures, at their path on the node.
Reading reading(const std::string& name, std::chrono::milliseconds taken = {}) {
  const auto folder = std::filesystem::path(GRID_TESTDATA) / name;
  Reading result{taken, {}};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      result.content['/' + entry.path().lexically_relative(folder).string()] = read(entry.path());
  }
  return result;
}

class ProcfsTest : public ::testing::Test {
 protected:
  NoHost host_;
  Procfs procfs_{host_};
};

TEST_F(ProcfsTest, SampleOfAServer) {
  const auto before = reading("server", std::chrono::seconds(100));
  auto now = before;
  now.taken = std::chrono::seconds(105);
  now.content["/proc/stat"] = read(std::filesystem::path(GRID_TESTDATA) / "server-later/stat");
  now.content["/proc/diskstats"] = read(std::filesystem::path(GRID_TESTDATA) / "server-later/diskstats");
  now.content["/proc/net/dev"] = read(std::filesystem::path(GRID_TESTDATA) / "server-later/net_dev");
  now.content["/sys/block/vda/device"] = "";
  now.content["/sys/class/net/eth0/device"] = "";
  const auto sample = procfs_.sample(now, &before);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->cpus, 2U);
  EXPECT_NEAR(*sample->cpu_fraction, 0.6, 1e-9) << "guest once, iowait is not busy";
  EXPECT_DOUBLE_EQ(*sample->load1, 1.25);
  EXPECT_EQ(sample->runnable_threads, 3U);
  EXPECT_EQ(sample->memory_total_bytes, 16'000'000ULL * 1024);
  EXPECT_EQ(sample->memory_available_bytes, 12'000'000ULL * 1024);
  EXPECT_EQ(sample->swap_free_bytes, 900ULL * 1024);
  EXPECT_DOUBLE_EQ(*sample->uptime_seconds, 12345.67);
  EXPECT_DOUBLE_EQ(*sample->pressure.cpu_some, 0.125);
  EXPECT_DOUBLE_EQ(*sample->pressure.memory_full, 0.01);
  EXPECT_DOUBLE_EQ(*sample->pressure.io_some, 0.05);
  ASSERT_EQ(sample->disks.size(), 1U) << "partitions and loop repeat";
  EXPECT_EQ(sample->disks[0].name, "vda");
  EXPECT_DOUBLE_EQ(*sample->disks[0].read_bytes_per_second, 1000 * 512 / 5.0);
  EXPECT_DOUBLE_EQ(*sample->disks[0].write_bytes_per_second, 500 * 512 / 5.0);
  ASSERT_EQ(sample->nets.size(), 1U);
  EXPECT_EQ(sample->nets[0].name, "eth0");
  EXPECT_DOUBLE_EQ(*sample->nets[0].receive_bytes_per_second, 1000);
  EXPECT_FALSE(sample->nets[0].transmit_bytes_per_second) << "the counter fell";
}

TEST_F(ProcfsTest, OneReadingKnowsNoRates) {
  const auto sample = procfs_.sample(reading("server"), nullptr);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->cpus, 2U);
  EXPECT_FALSE(sample->cpu_fraction);
  const auto now = reading("server", std::chrono::seconds(5));
  EXPECT_FALSE(procfs_.sample(now, &now)->cpu_fraction) << "no time has passed";
}

TEST_F(ProcfsTest, CountersThatRunBackwardsGiveNoShare) {
  Reading before{std::chrono::seconds(1),
                 {{"/proc/stat", "cpu 500 0 0 1000 0 0 0 0 0 0\ncpu0 500 0 0 1000 0 0 0 0 0 0\n"}}};
  Reading now{std::chrono::seconds(2),
              {{"/proc/stat", "cpu 400 0 0 1300 0 0 0 0 0 0\ncpu0 400 0 0 1300 0 0 0 0 0 0\n"}}};
  const auto sample = procfs_.sample(now, &before);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->cpus, 1U);
  EXPECT_FALSE(sample->cpu_fraction) << "more time in all, less of it busy: a processor went away";
}

TEST_F(ProcfsTest, OldKernelInAContainer) {
  const auto sample = procfs_.sample(reading("old"), nullptr);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->cpus, 1U);
  EXPECT_EQ(sample->memory_available_bytes, (1000 + 200 + 3000 + 400 - 600) * 1024ULL) << "estimated";
  EXPECT_FALSE(sample->swap_total_bytes);
  EXPECT_FALSE(sample->pressure.cpu_some);
  EXPECT_TRUE(sample->disks.empty());
  ASSERT_EQ(sample->nets.size(), 1U) << "no devices here: all but lo";
  EXPECT_EQ(sample->nets[0].name, "eth0");
}

TEST_F(ProcfsTest, CutAtEachByteNothingIsInvented) {
  const auto whole = reading("server");
  const auto full = procfs_.sample(whole, nullptr);
  for (const auto& [path, text] : whole.content) {
    for (std::size_t size = 0; size < text.size(); ++size) {
      auto cut = whole;
      cut.content[path] = text.substr(0, size);
      const auto sample = procfs_.sample(cut, nullptr);
      ASSERT_TRUE(sample) << path << size;
      const auto same_or_absent = [](const auto& a, const auto& b) { return !a || a == b; };
      EXPECT_TRUE(same_or_absent(sample->memory_total_bytes, full->memory_total_bytes)) << path << size;
      EXPECT_TRUE(same_or_absent(sample->swap_free_bytes, full->swap_free_bytes)) << path << size;
      EXPECT_TRUE(same_or_absent(sample->load1, full->load1)) << path << size;
      EXPECT_TRUE(same_or_absent(sample->uptime_seconds, full->uptime_seconds)) << path << size;
      EXPECT_TRUE(same_or_absent(sample->pressure.cpu_some, full->pressure.cpu_some)) << path << size;
    }
  }
}

TEST_F(ProcfsTest, NothingUnderstoodIsAnError) {
  EXPECT_FALSE(procfs_.sample({}, nullptr));
  EXPECT_FALSE(
      procfs_.sample(Reading{{}, {{"/proc/stat", "garbage\n"}, {"/proc/uptime", "-1 nan\n"}}}, nullptr));
}

TEST_F(ProcfsTest, ThisMachine) {
  Reading now;
  for (const auto& file : procfs_.needs().files) {
    if (auto text = read(file); !text.empty()) now.content[file] = std::move(text);
  }
  const auto sample = procfs_.sample(now, nullptr);
  ASSERT_TRUE(sample);
  EXPECT_GT(sample->cpus.value_or(0), 0U);
  EXPECT_GT(sample->memory_total_bytes.value_or(0), sample->memory_available_bytes.value_or(0));
  EXPECT_GT(sample->uptime_seconds.value_or(0), 0);
}

TEST(ProcfsDescriptor, CarriesTheSampleFile) {
  EXPECT_EQ(grid_plugin_descriptor.sample_yaml,
            read(std::filesystem::path(GRID_TESTDATA).parent_path() / "sample.yaml"));
}

}  // namespace
}  // namespace grid::procfs
