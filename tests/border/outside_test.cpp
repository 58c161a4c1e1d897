// A plugin author's way: a project of their own, an installed SDK, one plugin of each kind, loaded and
// called.
#include "core/base/files.hpp"
#include "zoo.hpp"

namespace grid {
namespace {

using ::testing::HasSubstr;

struct SilentSink final : RunSink {
  void started(const Run&, const std::vector<RunStarted>&) override {}
  void ended(const Run&, const std::vector<RunEnded>&) override {}
  void lost(const Run&, const std::string&) override {}
  void finished(const Run&) override {}
};

class Outside : public BorderTest {
 protected:
  static void SetUpTestSuite() {
    temp = new TempFolder;
    std::filesystem::copy(GRID_OUTSIDE, temp->path() / "project", std::filesystem::copy_options::recursive);
    const std::string at = temp->path().string();
    const std::string cmake = "umask 022; '" GRID_CMAKE "' ";
    shell(cmake + "--install '" GRID_BUILD_DIR "' --component sdk --prefix '" + at + "/sdk'");
    shell(cmake + "-S '" + at + "/project' -B '" + at + "/build' -DCMAKE_PREFIX_PATH='" + at +
          "/sdk' -DCMAKE_CXX_COMPILER='" GRID_CXX
          "' -DCMAKE_CXX_FLAGS='-Wall -Wextra -Wpedantic -Werror " GRID_CXX_FLAGS "'");
    shell(cmake + "--build '" + at + "/build'");
  }
  static void TearDownTestSuite() { delete temp; }
  static void shell(const std::string& command) {
    const std::filesystem::path output = temp->path() / "output";
    const int status = std::system(("(" + command + ") >'" + output.string() + "' 2>&1").c_str());
    ASSERT_EQ(status, 0) << command << '\n' << read_file(output).value_or("");
  }
  std::shared_ptr<Registry> plugins() { return registry({temp->path() / "build" / "plugins"}); }

  static inline TempFolder* temp = nullptr;
};

TEST_F(Outside, Policy) {
  const auto own = plugins();
  const auto policy = own->policy("never");
  ASSERT_TRUE(policy) << policy.error().message;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->nodes = {{.name = "w1"}};
  const auto answer = (*policy)->decide(snapshot, "");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_FALSE(answer->decision.allowed);
  EXPECT_EQ(answer->decision.reasons, (std::vector<Reason>{{"never", "this policy never moves anything"}}));
  ASSERT_EQ(answer->decision.refused_nodes.size(), 1U);
  const auto given = own->policy("never", Options(Values{{"reason", std::string("not today")}}));
  EXPECT_EQ((*given)->decide(snapshot, "")->decision.reasons[0].text, "not today");
}

TEST_F(Outside, MetricsSource) {
  const auto source = plugins()->metrics_source("lines");
  ASSERT_TRUE(source) << source.error().message;
  const auto needs = (*source)->needs();
  ASSERT_TRUE(needs);
  auto reading = std::make_shared<Reading>();
  reading->content[needs->files.at(0)] = "0.25 0.10 0.05 1/100 4711\n";
  EXPECT_EQ((*source)->sample(reading, nullptr).value().load1, 0.25);
  reading->content[needs->files.at(0)] = "garbage";
  EXPECT_EQ((*source)->sample(reading, nullptr).value().load1, std::nullopt);
}

TEST_F(Outside, Renderer) {
  const auto renderer = plugins()->renderer("echo");
  ASSERT_TRUE(renderer) << renderer.error().message;
  EXPECT_EQ((*renderer)->render({.json = R"({"schema":"grid/nodes/1"})"}).value(),
            "{\"schema\":\"grid/nodes/1\"}\n");
}

TEST_F(Outside, Transport) {
  const auto transport = plugins()->transport("nowhere");
  ASSERT_TRUE(transport) << transport.error().message;
  SilentSink sink;
  const auto link = (*transport)->open({}, sink).value();
  std::optional<Code> code;
  link->identify([&](const Result<Link::Identity>& who) { code = who.error().code; });
  ASSERT_TRUE(host_.run_until([&] { return code.has_value(); }));
  EXPECT_EQ(code, Code::node_unreachable);
}

TEST_F(Outside, SmallestPluginFitsOneScreen) {
  const std::string text = read_file(temp->path() / "project" / "policy_never.cpp").value();
  EXPECT_LE(std::ranges::count(text, '\n'), 40);
}

}  // namespace
}  // namespace grid
