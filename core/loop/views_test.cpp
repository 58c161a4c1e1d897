// The objects of docs/api.md: what is not known is absent, never 0.
#include "core/loop/views.hpp"

#include <gtest/gtest.h>

namespace grid {
namespace {

TEST(Views, ANodeSaysOnlyWhatIsKnown) {
  Node node;
  node.name = "w1";
  node.simulated = true;
  const Json bare = node_to_json(node, "");
  for (const char* absent :
       {"cpus", "cpu_fraction", "load1", "runnable_threads", "memory_total_bytes", "memory_available_bytes",
        "swap_total_bytes", "uptime_seconds", "sample_age_seconds", "problem"})
    EXPECT_FALSE(bare.contains(absent)) << absent;
  EXPECT_EQ(bare["simulated"], true);
  EXPECT_EQ(bare["state"], "unknown");
  EXPECT_TRUE(bare["pressure"].empty());
  node.sample.cpus = 4;
  node.sample.cpu_fraction = 0.0;  // known, and zero
  node.sample.pressure.io_full = 0.5;
  node.sample.disks = {{"vda", 1.5, std::nullopt}};
  const Json json = node_to_json(node, "cannot be read");
  EXPECT_EQ(json["cpus"], 4);
  EXPECT_EQ(json["cpu_fraction"], 0.0);
  EXPECT_EQ(json["pressure"], Json({{"io_full_fraction", 0.5}}));
  EXPECT_EQ(json["disks"][0], Json({{"name", "vda"}, {"read_bytes_per_second", 1.5}}));
  EXPECT_EQ(json["problem"], "cannot be read");
}

Candidate candidate(int pid) {
  Candidate made;
  made.root = {pid, 10};
  made.members = {made.root};
  made.command = "c\xff";
  made.argv = {"c\xff"};
  made.reasons = {{"cpu_time", "12 s are lost"}};
  made.restartable = Restartable::with_loss;
  return made;
}

TEST(Views, AScanIsTheDocumentedObject) {
  Snapshot snapshot;
  snapshot.head = "desk";
  snapshot.candidates = {candidate(1), candidate(2), candidate(3)};
  snapshot.candidates[1].cpu_fraction = 0.5;
  Decision decision;
  decision.allowed = true;
  decision.policy = "threshold";
  decision.reasons = {{"cpu_high", "93 %"}, {"bare", ""}};
  decision.thresholds = {{"cpu_high", 0.85}, {"sustain", std::string("not_observed")}};
  decision.refused_nodes = {{"desk", "head: never a target"}};
  decision.candidates = {{{2, 10}, true, false, {{"move", "frees most"}}, {{"w1", 0.75}}},
                         {{1, 11}, true, false, {}, {{"w9", 1}}}};
  const Json json = scan_to_json(snapshot, decision, {231, true}, 2);
  for (const char* member :
       {"schema", "taken_at", "node", "decision", "candidates", "processes", "recorded", "simulated_nodes"})
    EXPECT_TRUE(json.contains(member)) << member;
  EXPECT_FALSE(json.contains("interval_seconds"));
  EXPECT_EQ(json["decision"]["reasons"], Json({"cpu_high: 93 %", "bare"}));
  EXPECT_EQ(json["decision"]["thresholds"]["sustain"], "not_observed");
  EXPECT_EQ(json["decision"]["refused_nodes"][0]["reason"], "head: never a target");
  ASSERT_EQ(json["candidates"].size(), 2U);
  const Json& first = json["candidates"][0];
  EXPECT_EQ(first["placements"], Json::array());  // same pid, another start: another process
  EXPECT_EQ(first["move"], false);
  EXPECT_FALSE(first.contains("cpu_fraction"));
  EXPECT_FALSE(first.contains("rss_bytes"));
  EXPECT_EQ(first["command"], Json({{"b64", "Y/8="}}));
  const Json& second = json["candidates"][1];
  EXPECT_EQ(second["move"], true);
  EXPECT_EQ(second["restartable"], "with_loss");
  EXPECT_EQ(second["reasons"], Json({"cpu_time: 12 s are lost", "move: frees most"}));
  EXPECT_EQ(second["placements"][0], Json({{"node", "w1"}, {"score", 0.75}}));
}

}  // namespace
}  // namespace grid
