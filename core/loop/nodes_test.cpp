// Nodes behind links that fail, hang, come back, or lead to a machine that has another name already.
#include "core/loop/nodes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "core/base/files.hpp"
#include "core/loop/loop_host.hpp"
#include "core/loop/place.hpp"
#include "core/loop/testing.hpp"

namespace grid {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 10s;

// The loop runs in a thread of its own, so that a test can be written as what happens one after the other.
class NodesTest : public testing::Test {
 protected:
  NodesTest() {
    std::string pattern = (fs::temp_directory_path() / "grid-nodes-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    dirs_.state = folder_ / "state";
    machine(folder_ / "desk");
    ::setenv("GRID_SCRIPTED", folder_.c_str(), 1);
    config_.head.name = "desk";
    config_.head.file_root = (folder_ / "desk/files").string();
    config_.default_transport = "scripted";
    config_.daemon.node_interval_seconds = 0.1;
  }
  ~NodesTest() override {
    if (thread_.joinable()) {
      on_loop([&] { nodes_.reset(); });
      host_->stop();
      thread_.join();
    }
    registry_.reset();
    host_.reset();
    fs::remove_all(folder_);
  }

  static void write(const fs::path& file, const std::string& content) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }
  static void machine(const fs::path& folder) {
    write(folder / "files/proc/stat",
          "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 0 1 8 0 0 0 0 0 0\n"
          "cpu1 1 0 1 8 0 0 0 0 0 0\n");
    write(folder / "files/proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\n");
  }
  NodeConfig& node(const std::string& name) {
    machine(folder_ / name);
    NodeConfig& made = config_.nodes[name];
    made.transport = "scripted";
    made.address = (folder_ / name).string();
    return made;
  }
  void file(const std::string& name, const std::string& content = "") { write(folder_ / name, content); }
  void no_file(const std::string& name) { fs::remove(folder_ / name); }

  void open() {
    host_ = std::make_unique<LoopHost>(config_.head.file_root);
    RegistryOptions options;
    options.folders = {GRID_PLUGIN_DIR, fs::path(GRID_BUILD_DIR) / "tests/plugins"};
    registry_ = std::make_unique<Registry>(options, *host_);
    nodes_ = std::make_unique<Nodes>(config_, dirs_, *registry_, *host_, sink_);
    nodes_->on_tell([this](const std::string& kind, const std::string& name, const std::string&) {
      told_.push_back(kind + " " + name);
    });
    nodes_->on_news([this] { ++news_; });
    thread_ = std::thread([this] { host_->run(); });
    Result<> opened;
    on_loop([&] { opened = nodes_->open(); });
    ASSERT_TRUE(opened) << opened.error().message;
  }
  void on_loop(const std::function<void()>& call) {
    std::promise<void> done;
    host_->post([&] {
      call();
      done.set_value();
    });
    done.get_future().wait();
  }
  // A turn's part of it; how long it took.
  std::chrono::milliseconds refresh() {
    auto done = std::make_shared<std::promise<void>>();
    const auto begun = Clock::now();
    host_->post([this, done] { nodes_->refresh([done] { done->set_value(); }); });
    EXPECT_EQ(done->get_future().wait_for(patience), std::future_status::ready);
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
  }
  bool until(const std::function<bool()>& holds) {
    const auto limit = Clock::now() + patience;
    bool held = false;
    while (!held && Clock::now() < limit) {
      on_loop([&] { held = holds(); });
      if (!held) std::this_thread::sleep_for(2ms);
    }
    return held;
  }
  Node seen(const std::string& name) {
    Node found;
    on_loop([&] {
      for (const Node& each : nodes_->view({}))
        if (each.name == name) found = each;
    });
    return found;
  }
  NodeState state(const std::string& name) { return seen(name).state; }
  std::string problem(const std::string& name) {
    std::string text;
    on_loop([&] { text = nodes_->problem(name); });
    return text;
  }
  std::optional<Error> trouble(const std::string& name) {
    std::optional<Error> found;
    on_loop([&] { found = nodes_->trouble(name); });
    return found;
  }
  bool looked_at(const std::string& name) {
    return until([&] { return nodes_->looked_at(name); });
  }
  std::size_t calls(const std::string& name, const std::string& line) {
    std::ifstream log(folder_ / name / "log");
    std::size_t count = 0;
    for (std::string each; std::getline(log, each);)
      if (each == line) ++count;
    return count;
  }

  fs::path folder_;
  Dirs dirs_;
  Config config_;
  NoRuns sink_;
  std::unique_ptr<LoopHost> host_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<Nodes> nodes_;
  std::thread thread_;
  std::vector<std::string> told_;
  std::atomic<int> news_{0};
};

TEST_F(NodesTest, AHangingNodeHoldsUpNobodyAndIsReadOnce) {
  node("fast");
  node("stuck");
  open();
  refresh();
  ASSERT_EQ(state("fast"), NodeState::alive);
  ASSERT_EQ(state("stuck"), NodeState::alive);
  file("stuck/hang");
  file("fast/files/proc/loadavg", "3.00 1 1 1/1 1\n");
  const auto first = refresh();  // it was prompt until now: it is waited for, but not for long
  EXPECT_GE(first, 900ms);
  EXPECT_LT(first, 2500ms);
  EXPECT_EQ(seen("fast").sample.load1, 3.0);
  const std::size_t reads = calls("stuck", "read");
  std::chrono::milliseconds others{0};
  for (int turn = 0; turn < 5; ++turn) others += refresh();
  EXPECT_LT(others, 700ms);  // from then on it adds nothing
  EXPECT_EQ(calls("stuck", "read"), reads);
  EXPECT_EQ(calls("stuck", "read ended"), reads - 1);
  // Its sample grows old, and it says why.
  EXPECT_TRUE(until([&] { return nodes_->problem("stuck").find("has not answered for") == 0; }));
  EXPECT_EQ(state("stuck"), NodeState::unknown);
  ASSERT_TRUE(trouble("stuck"));
  EXPECT_EQ(trouble("stuck")->code, Code::node_unreachable);
  no_file("stuck/hang");
  EXPECT_TRUE(until([&] { return nodes_->problem("stuck").empty(); }));  // the straggler's answer counts
  EXPECT_EQ(state("stuck"), NodeState::alive);
}

TEST_F(NodesTest, AFailedReadIsShownAndTheNodeIdentifiedAgainWhenItAnswers) {
  node("w1");
  open();
  refresh();
  ASSERT_EQ(state("w1"), NodeState::alive);
  const std::size_t identified = calls("w1", "identify");
  refresh();
  EXPECT_EQ(calls("w1", "identify"), identified);  // not without a reason
  file("w1/fail", "NodeUnreachable Connection refused");
  refresh();
  EXPECT_EQ(problem("w1"), "Connection refused");
  EXPECT_EQ(seen("w1").problem, "Connection refused");
  EXPECT_EQ(state("w1"), NodeState::alive);  // its sample is fresh still
  EXPECT_TRUE(until([&] {
    for (const Node& each : nodes_->view({}))
      if (each.name == "w1") return each.state == NodeState::unknown;
    return false;
  }));
  EXPECT_GT(seen("w1").sample_age_seconds.value_or(0), 0.3);
  file("w1/boot_id", "boot-2");
  no_file("w1/fail");
  const int news = news_;
  refresh();
  EXPECT_TRUE(until([&] { return told_.size() == 3; }));
  EXPECT_EQ(told_, (std::vector<std::string>{"node_unreachable w1", "node_back w1", "node_rebooted w1"}));
  EXPECT_EQ(state("w1"), NodeState::alive);
  EXPECT_EQ(problem("w1"), "");
  EXPECT_GT(news_, news);
  EXPECT_EQ(calls("w1", "identify"), identified + 1);
}

TEST_F(NodesTest, ANodeThatWasNeverThereIsIdentifiedWhenItComes) {
  node("late");
  file("late/fail", "NodeUnreachable No route to host");
  open();
  refresh();
  EXPECT_TRUE(looked_at("late"));
  EXPECT_EQ(state("late"), NodeState::unknown);
  EXPECT_EQ(trouble("late")->message, "No route to host");
  no_file("late/fail");
  refresh();
  EXPECT_TRUE(until([&] { return !nodes_->trouble("late"); }));
  EXPECT_EQ(seen("late").machine_id, "machine-late");
  EXPECT_EQ(state("late"), NodeState::alive);
}

TEST_F(NodesTest, TheHeadUnderAnotherNameTakesNoWork) {
  node("mirror");
  open();
  std::string own;
  on_loop([&] { own = nodes_->view({}).front().machine_id; });
  file("mirror/machine_id", own);
  file("mirror/fail", "NodeUnreachable gone");
  refresh();
  no_file("mirror/fail");
  refresh();
  ASSERT_TRUE(until([&] { return nodes_->problem("mirror") == "is the head itself"; })) << problem("mirror");
  EXPECT_FALSE(seen("mirror").accepts_work);
  ASSERT_TRUE(trouble("mirror"));
  EXPECT_EQ(trouble("mirror")->code, Code::policy_denied);
  const PlaceAnswer answer = place({seen("mirror")}, {{1, 0, 0, 0}, {}, "mirror"});
  EXPECT_EQ(answer.node, "");
  EXPECT_EQ(refusal_text(answer.refused), "mirror: does not accept work: is the head itself");
}

TEST_F(NodesTest, OneMachineUnderTwoNamesCountsOnce) {
  node("a");
  node("b");
  file("a/machine_id", "the-same");
  file("b/machine_id", "the-same");
  open();
  refresh();
  ASSERT_TRUE(until([&] { return nodes_->problem("b") == "is the same machine as a"; })) << problem("b");
  EXPECT_EQ(problem("a"), "");
  EXPECT_TRUE(seen("a").accepts_work);
  EXPECT_FALSE(seen("b").accepts_work);
  EXPECT_EQ(trouble("b")->code, Code::policy_denied);
}

TEST_F(NodesTest, SimulatedNodesShareTheirMachineWithoutAProblem) {
  NodeConfig sim;
  sim.transport = "local";
  sim.simulated = true;
  sim.cpus = 1;
  sim.memory_bytes = 1U << 30U;
  config_.nodes["s1"] = config_.nodes["s2"] = sim;
  open();
  refresh();
  for (const char* name : {"s1", "s2"}) {
    EXPECT_TRUE(seen(name).accepts_work) << name;
    EXPECT_EQ(problem(name), "") << name;
  }
}

TEST_F(NodesTest, CapacityOfTheConfigurationStandsInsteadOfAll) {
  NodeConfig& limited = node("w1");
  limited.cpus = 1;
  limited.memory_bytes = 1U << 30U;
  node("w2");
  open();
  refresh();
  EXPECT_EQ(seen("w1").sample.cpus, 1U);
  EXPECT_EQ(seen("w1").sample.memory_total_bytes, 1U << 30U);
  EXPECT_EQ(seen("w1").sample.memory_available_bytes, 1U << 30U);  // there is more, but not for grid
  EXPECT_EQ(seen("w2").sample.cpus, 2U);
  EXPECT_EQ(seen("w2").sample.memory_total_bytes, 4000000U * 1024U);
}

TEST_F(NodesTest, MetricsOfANodeStandInsteadOfTheGeneralOnes) {
  node("plain");
  node("none").metrics = {"no_such_plugin"};
  open();
  refresh();
  EXPECT_EQ(seen("plain").sample.cpus, 2U);
  EXPECT_EQ(problem("plain"), "");
  EXPECT_FALSE(seen("none").sample.cpus);
  EXPECT_NE(problem("none"), "");
}

TEST_F(NodesTest, AnAddressThatNobodyConfiguredIsANodeOnDemand) {
  node("gpu1");
  machine(folder_ / "me@far");
  open();
  refresh();
  Result<> ensured;
  on_loop([&] { ensured = nodes_->ensure("me@far"); });
  ASSERT_TRUE(ensured) << ensured.error().message;
  ASSERT_TRUE(looked_at("me@far"));
  EXPECT_FALSE(trouble("me@far"));
  const Node far = seen("me@far");
  EXPECT_EQ(far.state, NodeState::alive);
  EXPECT_FALSE(far.accepts_work);  // nothing lands there by itself
  EXPECT_TRUE(far.only_named);
  EXPECT_EQ(far.transport, "scripted");
  EXPECT_EQ(place({far}, {{1, 0, 0, 0}, {}, ""}).node, "");
  EXPECT_EQ(place({far}, {{1, 0, 0, 0}, {}, "me@far"}).node, "me@far");
  on_loop([&] { ensured = nodes_->ensure("me@far"); });
  EXPECT_TRUE(ensured);
  on_loop([&] { EXPECT_TRUE(nodes_->ensure("gpu1")); });
  EXPECT_EQ(seen("gpu1").only_named, false);
}

TEST_F(NodesTest, WhatIsNoNodeIsRefusedWithTheReason) {
  node("gpu1");
  open();
  const auto refused = [&](const std::string& name) {
    Result<> ensured;
    on_loop([&] { ensured = nodes_->ensure(name); });
    EXPECT_FALSE(ensured) << name;
    return ensured ? Error{} : ensured.error();
  };
  EXPECT_EQ(refused("gpu2").code, Code::not_found);  // a slip
  EXPECT_NE(refused("gpu2").message.find("did you mean 'gpu1'?"), std::string::npos);
  for (const char* bad : {"", "-oProxyCommand=x", "me@-x", "@host", "me@", "a b", "a;b", "a$b", "a\nb", "a/b",
                          "ssh://-x", "ssh://", "a'b"})
    EXPECT_EQ(refused(bad).code, Code::usage) << bad;
  EXPECT_EQ(refused("me@nobody").code, Code::node_unreachable);  // the transport's own
  for (const char* good : {"me@10.0.0.11", "host:2222", "[::1]", "me@[fe80::1%eth0]:22", "ssh://me@host:22",
                           "gpu-1.lan", "a_b", "a+b@c"})
    EXPECT_TRUE(check_address(good)) << good;
}

TEST_F(NodesTest, HistoryMayNameANodeThatNoFileNames) {
  machine(folder_ / "me@far");
  open();
  Link* link = nullptr;
  on_loop([&] { link = nodes_->link("me@far"); });
  EXPECT_NE(link, nullptr);
  EXPECT_TRUE(looked_at("me@far"));
  on_loop([&] { link = nodes_->link("me@nobody"); });
  EXPECT_EQ(link, nullptr);
}

TEST_F(NodesTest, ADuplicateOnDemandIsTheSecond) {
  node("zeta");
  machine(folder_ / "me@alpha");
  file("zeta/machine_id", "the-same");
  file("me@alpha/machine_id", "the-same");
  open();
  refresh();
  on_loop([&] { EXPECT_TRUE(nodes_->ensure("me@alpha")); });
  ASSERT_TRUE(looked_at("me@alpha"));
  EXPECT_EQ(problem("me@alpha"), "is the same machine as zeta");
  EXPECT_EQ(problem("zeta"), "");
  EXPECT_FALSE(seen("me@alpha").only_named);
}

TEST_F(NodesTest, ANodeMayComeIntoTheConfiguration) {
  machine(folder_ / "box");
  open();
  refresh();
  on_loop([&] { EXPECT_EQ(nodes_->add("box").error().code, Code::not_found); });
  on_loop([&] { EXPECT_TRUE(nodes_->ensure("box")); });
  config_.nodes["box"].transport = "scripted";
  config_.nodes["box"].labels = {"gpu"};
  Result<> added;
  on_loop([&] { added = nodes_->add("box"); });
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(seen("box").labels, std::vector<std::string>{"gpu"});
  EXPECT_FALSE(seen("box").only_named);
  on_loop([&] { EXPECT_TRUE(nodes_->add("box")); });  // again: the same
  config_.nodes["box"].address = (folder_ / "other").string();
  on_loop([&] { added = nodes_->add("box"); });
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::resource_conflict);
  NodeConfig& fresh = node("fresh");
  fresh.labels = {"new"};
  on_loop([&] { added = nodes_->add("fresh"); });
  EXPECT_TRUE(added);
  EXPECT_TRUE(looked_at("fresh"));
  EXPECT_EQ(state("fresh"), NodeState::alive);
}

TEST_F(NodesTest, ATrustedKeyLetsTheNodeIn) {
  node("w1");
  file("w1/untrusted", "HostKeyMismatch the host key is not known");
  file("w1/keys", "ssh-ed25519 SHA256:abc unknown\n");
  open();
  refresh();
  EXPECT_EQ(trouble("w1")->code, Code::host_key_mismatch);
  Result<HostKeys> keys;
  std::promise<void> got;
  host_->post([&] {
    nodes_->host_keys("w1", [&](Result<HostKeys> found) {
      keys = std::move(found);
      got.set_value();
    });
  });
  ASSERT_EQ(got.get_future().wait_for(patience), std::future_status::ready);
  ASSERT_TRUE(keys && keys->keys.size() == 1);
  on_loop([&] { nodes_->trust_host_key("w1", keys->keys.front(), [](Result<>) {}); });
  EXPECT_TRUE(until([&] { return !nodes_->trouble("w1"); }));  // at once, not with the next turn
  EXPECT_EQ(state("w1"), NodeState::alive);
}

}  // namespace
}  // namespace grid
