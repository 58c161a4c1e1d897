// Ids, manifests and executions as JSON.
#include <gtest/gtest.h>

#include "core/daemon/execution_view.hpp"
#include "core/daemon/ledger.hpp"
#include "core/daemon/manifest_json.hpp"
#include "core/daemon/service.hpp"

namespace grid {
namespace {

TEST(ParseId, TakesIdsAndNothingElse) {
  EXPECT_EQ(parse_id("7").value().task, 7);
  EXPECT_FALSE(parse_id("7").value().element);
  EXPECT_EQ(parse_id("7.3").value().element, 3U);
  for (const char* bad : {"", "0", "-1", "7.", ".3", "7.3.1", "7a", " 7", "+7", "7.-1",
                          "99999999999999999999", "7.4294967296"}) {
    const auto id = parse_id(bad);
    EXPECT_FALSE(id) << bad;
    if (!id) {
      EXPECT_EQ(id.error().code, Code::usage);
    }
  }
}

TEST(ManifestJson, GoesThereAndBackAndSurvivesNonsense) {
  Manifest manifest;
  manifest.entries.push_back({"a\xff", ManifestEntry::Kind::file, 5, -7, 0644, "", 8, 1ULL << 63U});
  manifest.entries.push_back({"l", ManifestEntry::Kind::symlink, 3, 1, 0777, "t\n", 1, 2});
  const Manifest back = manifest_from_json(manifest_to_json(manifest));
  ASSERT_EQ(back.entries.size(), 2U);
  EXPECT_EQ(back.entries[0].path, "a\xff");
  EXPECT_EQ(back.entries[0].mtime_ns, -7);
  EXPECT_EQ(back.entries[0].inode, 1ULL << 63U);
  EXPECT_EQ(back.entries[1].target, "t\n");
  EXPECT_EQ(back.bytes, 8U);
  for (const char* bad :
       {"null", "7", "[1]", "[[]]", R"([["p","x",1,1,1,1,1,"t"]])", R"([["p",9,1,1,1,1,1,"t"]])",
        R"([["p",0,1,1,1,1,null,"t"]])", R"([[1,0,1,1,1,1,1,"t"]])"})
    EXPECT_TRUE(manifest_from_json(parse_json(bad).value()).entries.empty()) << bad;
}

TaskRecord record_of(std::vector<std::string> argv) {
  TaskRecord record;
  record.id = 7;
  record.created_ms = 1000;
  record.task.argv = std::move(argv);
  record.task.environment = {"SECRET=hunter2"};
  return record;
}

Attempt ended(std::uint32_t number, std::optional<int> code, std::optional<int> signal) {
  Attempt a;
  a.number = number;
  a.state = AttemptState::ended;
  a.node = "w1";
  a.process = ProcessId{42, 1};
  a.ending.emplace();
  a.ending->code = code;
  a.ending->signal = signal;
  return a;
}

const IsSimulated simulated = [](const std::string& node) { return node == "w1"; };

TEST(ExecutionView, SaysHowItEndedAndNothingSecret) {
  Execution x;
  x.id = {7, 0};
  x.state = ExecutionState::failed;
  x.attempts = {ended(1, 137, std::nullopt)};
  const Json json = execution_to_json(record_of({"a b", "\xff"}), x, simulated);
  EXPECT_EQ(json["schema"], "grid/execution/1");
  EXPECT_EQ(json["id"], "7");
  EXPECT_EQ(json["state"], "failed");
  EXPECT_EQ(json["exit_code"], 137);
  EXPECT_TRUE(json["signal"].is_null());
  EXPECT_EQ(json["simulated"], true);
  EXPECT_TRUE(json["started_at"].is_null());
  EXPECT_EQ(json["argv"][1], Json({{"b64", "/w=="}}));
  EXPECT_EQ(dump_json(json).find("hunter2"), std::string::npos);
  x.attempts = {ended(1, std::nullopt, 9)};
  EXPECT_EQ(execution_to_json(record_of({"a"}), x, simulated)["signal"], 9);
}

TEST(ExecutionView, OfAMoveTheCopyDecidesOnlyAtTheEnd) {
  Execution x;
  x.id = {7, 0};
  x.state = ExecutionState::running;
  x.move.emplace();
  x.move->phase = MovePhase::collecting;
  Attempt original;
  original.kind = AttemptKind::adopted;
  original.state = AttemptState::suspended;
  x.attempts = {original, ended(2, 0, std::nullopt)};
  EXPECT_TRUE(execution_to_json(record_of({"a"}), x, simulated)["exit_code"]
                  .is_null());  // its files are not home yet
  x.state = ExecutionState::completed;
  const Json json = execution_to_json(record_of({"a"}), x, simulated);
  EXPECT_EQ(json["exit_code"], 0);
  EXPECT_EQ(json["kind"], "move");
  EXPECT_EQ(json["move"]["phase"], "collecting");
}

TEST(ExecutionView, AnArrayIsOneRow) {
  TaskRecord record = record_of({"a"});
  record.array = 3;
  std::vector<Execution> elements(3);
  StateCounts counts;
  for (std::uint32_t i = 0; i < 3; ++i) {
    elements[i].id = {7, i};
    elements[i].state = i == 1 ? ExecutionState::failed : ExecutionState::completed;
    elements[i].attempts = {ended(1, i == 1 ? 5 : 0, std::nullopt)};
    ++counts.by_state[static_cast<std::size_t>(elements[i].state)];
  }
  const Json json = array_to_json(record, elements, counts, simulated);
  EXPECT_EQ(json["array"], 3);
  EXPECT_EQ(json["state"], "failed");
  EXPECT_EQ(json["exit_code"], 5);
  EXPECT_EQ(json["counts"]["completed"], 2);
  EXPECT_EQ(execution_to_json(record, elements[1], simulated)["id"], "7.1");
}

}  // namespace
}  // namespace grid
