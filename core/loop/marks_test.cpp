// What a turn says of each candidate: whether a rule of offload.allow names it, and whether that rule takes
// the loss.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>

#include "core/loop/loop.hpp"
#include "core/loop/loop_host.hpp"
#include "core/loop/testing.hpp"

namespace grid {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class FixedScan : public LoopServices {
 public:
  FixedScan(Host& host, HeadScan scan) : host_(host), scan_(std::move(scan)) {}
  void scan(std::function<void(Result<HeadScan>)> done) override {
    host_.post([this, done] { done(scan_); });
  }
  std::map<std::string, Nodes::Load> load() const override { return {}; }
  void complete(Snapshot&) const override {}
  std::string memory() const override { return {}; }
  void place(const Snapshot&) override {}
  void record(const Turn&) override {}
  void show(const Turn&) override {}

 private:
  Host& host_;
  HeadScan scan_;
};

struct Marks {
  bool allowed = false;
  bool loss_allowed = false;
  bool operator==(const Marks&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Marks& marks) {
    return out << "allowed " << marks.allowed << ", loss " << marks.loss_allowed;
  }
};

class MarksTest : public testing::Test {
 protected:
  MarksTest() {
    std::string pattern = (fs::temp_directory_path() / "grid-marks-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    dirs_.state = folder_ / "state";
    config_.head.name = "desk";
  }
  ~MarksTest() override { fs::remove_all(folder_); }

  void rule(std::string command, std::string user, AllowRule::Loss loss) {
    AllowRule rule;
    rule.command = std::move(command);
    rule.user = std::move(user);
    rule.loss = loss;
    config_.offload.allow.push_back(std::move(rule));
  }

  // Marked from the start, so that a mark which nobody sets is seen.
  void candidate(std::int32_t pid, std::vector<std::string> argv, std::string user) {
    Candidate candidate;
    candidate.root = {pid, 1};
    candidate.argv = std::move(argv);
    candidate.user = std::move(user);
    candidate.restartable = Restartable::with_loss;
    candidate.allowed = candidate.loss_allowed = true;
    scan_.candidates.push_back(std::move(candidate));
  }

  std::map<std::int32_t, Marks> turn() {
    LoopHost host(folder_);
    RegistryOptions options;
    options.folders = {GRID_PLUGIN_DIR};
    Registry registry(options, host);
    auto policy = registry.policy("threshold");
    NoRuns sink;
    Nodes nodes(config_, dirs_, registry, host, sink);
    std::map<std::int32_t, Marks> marks;
    const auto opened = nodes.open();
    EXPECT_TRUE(policy && opened);
    if (!policy || !opened) return marks;
    FixedScan services(host, scan_);
    Loop loop(config_, host, nodes, *policy, services);
    loop.turn([&](const Turn& turn) {
      for (const Candidate& each : turn.snapshot->candidates)
        marks[each.root.pid] = {each.allowed, each.loss_allowed};
      host.stop();
    });
    const auto limit = host.after(10s, [&] { host.stop(); });
    host.run();
    return marks;
  }

  fs::path folder_;
  Dirs dirs_;
  Config config_;
  HeadScan scan_;
};

constexpr Marks none{false, false};
constexpr Marks plain{true, false};
constexpr Marks with_loss{true, true};

TEST_F(MarksTest, TheFirstRuleThatNamesItDecides) {
  rule("make", "", AllowRule::Loss::refused);
  rule("ma*", "", AllowRule::Loss::allowed);
  rule("make", "", AllowRule::Loss::allowed);
  candidate(10, {"make", "-j4"}, "ann");
  candidate(11, {"/usr/bin/make"}, "ann");
  candidate(12, {"mawk", "make"}, "ann");
  EXPECT_EQ(turn(), (std::map<std::int32_t, Marks>{{10, plain}, {11, plain}, {12, with_loss}}));
}

TEST_F(MarksTest, ARuleOfAUserIsForThatUserAlone) {
  rule("make", "ann", AllowRule::Loss::refused);
  rule("make", "bob", AllowRule::Loss::allowed);
  rule("mawk", "", AllowRule::Loss::allowed);
  candidate(10, {"make"}, "ann");
  candidate(11, {"make"}, "bob");
  candidate(12, {"make"}, "eve");
  candidate(13, {"make"}, "");  // nobody knows whose it is
  candidate(14, {"mawk"}, "eve");
  EXPECT_EQ(turn(), (std::map<std::int32_t, Marks>{
                        {10, plain}, {11, with_loss}, {12, none}, {13, none}, {14, with_loss}}));
}

TEST_F(MarksTest, WhatNoRuleNamesHasNoMark) {
  rule("/opt/tools/*", "", AllowRule::Loss::allowed);
  candidate(10, {"/opt/tools/render"}, "ann");
  candidate(11, {"render"}, "ann");  // a rule with a path wants the path
  candidate(12, {"sleep", "/opt/tools/render"}, "ann");
  candidate(13, {}, "ann");
  EXPECT_EQ(turn(), (std::map<std::int32_t, Marks>{{10, with_loss}, {11, none}, {12, none}, {13, none}}));
  config_.offload.allow.clear();
  EXPECT_EQ(turn(), (std::map<std::int32_t, Marks>{{10, none}, {11, none}, {12, none}, {13, none}}));
}

}  // namespace
}  // namespace grid
