// One turn of the loop with the real plugins, over a made-up /proc.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/loop/loop.hpp"
#include "core/loop/loop_host.hpp"
#include "core/loop/testing.hpp"

namespace grid {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Services : public LoopServices {
 public:
  explicit Services(Host& host) : host_(host) {}
  void scan(std::function<void(Result<HeadScan>)> done) override {
    host_.post([this, done] { done(found); });
  }
  std::map<std::string, Nodes::Load> load() const override { return {{"sim1", {{1, 0, 0, 0}, 1}}}; }
  void complete(Snapshot&) const override { steps.push_back("snapshot"); }
  std::string memory() const override { return "not the memory of any policy"; }
  void place(const Snapshot&) override { steps.push_back("place"); }
  void record(const Turn&) override { steps.push_back("record"); }
  void show(const Turn&) override { steps.push_back("show"); }
  Result<HeadScan> found = HeadScan{};
  mutable std::vector<std::string> steps;

 private:
  Host& host_;
};

class TurnTest : public testing::Test {
 protected:
  TurnTest() {
    std::string pattern = (fs::temp_directory_path() / "grid-turn-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    dirs_.state = folder_ / "state";
    file("proc/stat",
         "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 50 0 50 400 0 0 0 0 0 0\ncpu1 50 0 50 400 0 0 0 0 0 0\n");
    file("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
    file("proc/loadavg", "1.50 1 1 3/100 42\n");
    config_.head.name = "desk";
    config_.head.file_root = folder_.string();
    NodeConfig sim;
    sim.transport = "local";
    sim.simulated = true;
    sim.cpus = 4;
    sim.memory_bytes = 1ULL << 30U;
    sim.cpu_fraction = 0.25;
    config_.nodes["sim1"] = sim;
    NodeConfig lost;
    lost.transport = "pigeon";
    config_.nodes["lost"] = lost;
  }
  ~TurnTest() override { fs::remove_all(folder_); }
  void file(const std::string& name, const std::string& content) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << content;
  }
  fs::path folder_;
  Dirs dirs_;
  Config config_;
};

TEST_F(TurnTest, ReadsDecidesAndTellsInThisOrder) {
  LoopHost host(folder_);
  RegistryOptions options;
  options.folders = {GRID_PLUGIN_DIR};
  Registry registry(options, host);
  auto policy = registry.policy("threshold");
  ASSERT_TRUE(policy)
      << policy.error().message;  // a plugin that does not load is a failure, not a reason to skip
  NoRuns sink;
  Nodes nodes(config_, dirs_, registry, host, sink);
  ASSERT_TRUE(nodes.open());
  EXPECT_EQ(nodes.link("lost"), nullptr);  // one bad worker does not keep the others from working
  EXPECT_NE(nodes.problem("lost"), "");
  Services services(host);
  services.found->processes = 7;
  Loop loop(config_, host, nodes, *policy, services);
  std::optional<Turn> first;
  std::optional<Turn> second;
  bool overlapped = true;
  ASSERT_TRUE(loop.turn([&](const Turn& turn) {
    first = turn;
    file("proc/stat", "cpu  200 0 200 800 0 0 0 0 0 0\ncpu0 1 0 1 1 0 0 0 0 0 0\ncpu1 1 0 1 1 0 0 0 0 0 0\n");
    services.found = fail(Code::internal, "the processes cannot be read");
    loop.turn([&](const Turn& again) {
      second = again;
      host.stop();
    });
  }));
  overlapped = loop.turn({});
  const auto limit = host.after(10s, [&] { host.stop(); });
  host.run();
  EXPECT_FALSE(overlapped);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(services.steps, (std::vector<std::string>{"snapshot", "place", "record", "show", "snapshot",
                                                      "place", "record", "show"}));
  EXPECT_EQ(first->problem, "");
  EXPECT_EQ(first->processes, 7U);
  EXPECT_FALSE(first->decision.allowed);
  EXPECT_FALSE(first->decision.reasons.empty());
  const Node& desk = first->snapshot->nodes.front();
  EXPECT_EQ(desk.name, "desk");
  EXPECT_EQ(desk.sample.cpus, 2U);
  EXPECT_EQ(desk.sample.memory_available_bytes, 400U * 1024);
  EXPECT_EQ(desk.sample.load1, 1.5);
  EXPECT_FALSE(desk.sample.cpu_fraction);  // one reading makes no rate
  EXPECT_EQ(second->snapshot->nodes.front().sample.cpu_fraction, 1.0);
  EXPECT_GT(second->snapshot->version, first->snapshot->version);
  EXPECT_EQ(second->processes, 7U);  // the last known
  const Node* sim = nullptr;
  const Node* lost = nullptr;
  for (const Node& node : first->snapshot->nodes) {
    if (node.name == "sim1") sim = &node;
    if (node.name == "lost") lost = &node;
  }
  ASSERT_NE(sim, nullptr);
  EXPECT_TRUE(sim->simulated);
  EXPECT_EQ(sim->machine_id, "simulated-sim1");
  EXPECT_EQ(sim->sample.cpu_fraction, 0.5);  // a quarter is foreign, one CPU of four is reserved
  EXPECT_EQ(sim->own_cpu_fraction, 0.25);
  ASSERT_NE(lost, nullptr);
  EXPECT_EQ(lost->state, NodeState::unknown);
  EXPECT_FALSE(lost->sample.cpus);
}

TEST(LoopHost, FinishWorkWaitsForJobsThatBegan) {
  LoopHost host;
  std::atomic<bool> began{false};
  std::atomic<bool> ended{false};
  host.work([&] {
    began = true;
    ::usleep(50'000);
    ended = true;
  });
  while (!began) ::usleep(1000);
  host.finish_work();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(host.post([] {}));
  bool ran = false;
  host.work([&] { ran = true; });  // taken by nobody
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace grid
