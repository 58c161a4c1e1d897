// What a link learns of a node, whatever shell and tools it has.
#include "facts.hpp"

#include <sys/statvfs.h>

#include "link_testing.hpp"
#include "node_checks.hpp"

namespace grid::ssh::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FactsTest : public LinkTest, public ::testing::WithParamInterface<Manner> {
 protected:
  void SetUp() override {
    if (const auto why = take_manner(faults, GetParam(), base / "bin"); !why.empty()) GTEST_SKIP() << why;
  }
  Result<Reading> read(const Needs& needs) {
    return wait<Reading>([&](Link& l, Done<Reading> done) { l.read(needs, std::move(done)); });
  }
  fs::path write(const std::string& name, const std::string& text, fs::perms mode = fs::perms(0644)) {
    const fs::path file = base / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    fs::permissions(file, mode);
    return file;
  }
};

TEST_P(FactsTest, Identity) {
  node.simulated = false;
  const auto identity =
      wait<Link::Identity>([](Link& l, Done<Link::Identity> done) { l.identify(std::move(done)); });
  ASSERT_TRUE(identity) << identity.error().message;
  const std::string ours = contents("/etc/machine-id");
  if (!ours.empty()) {
    EXPECT_EQ(identity->machine_id, ours.substr(0, ours.find('\n')));
  }
  EXPECT_EQ(identity->boot_id, rd::boot_id());
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  EXPECT_EQ(identity->host_name, name);
  EXPECT_NE(identity->user, "");
}

TEST_P(FactsTest, ReadingIsExactAndWhatIsMissingIsAbsent) {
  const std::string bytes("\0\036\n\n binary \377", 12);
  write("files/proc/one", bytes);
  write("files/proc/empty", "");
  write("files/sys/a/device/x", "");
  write("files/sys/b/device", "b");
  node.file_root = base / "files";
  const auto reading = read({.files = {"/proc/one", "/proc/none", "/proc/empty"},
                             .globs = {"/sys/*/device", "/none/*"},
                             .urls = {}});
  ASSERT_TRUE(reading) << reading.error().message;
  const std::map<std::string, std::string, std::less<>> expected{
      {"/proc/one", bytes}, {"/proc/empty", ""}, {"/sys/a/device", ""}, {"/sys/b/device", "b"}};
  EXPECT_EQ(reading->content, expected);
  timespec boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  EXPECT_NEAR(static_cast<double>(reading->taken.count()), static_cast<double>(boot.tv_sec) * 1000, 10'000);
}

TEST_P(FactsTest, AReadingIsOneRoundTrip) {
  ASSERT_TRUE(read({.files = {"/proc/stat"}, .globs = {}, .urls = {}}));
  const int before = faults.writes;
  const auto reading = read({.files = {"/proc/stat", "/proc/meminfo"}, .globs = {"/proc/net/*"}, .urls = {}});
  ASSERT_TRUE(reading);
  EXPECT_EQ(faults.writes, before + 1);
  EXPECT_THAT(reading->content.at("/proc/meminfo"), HasSubstr("MemTotal"));
}

TEST_P(FactsTest, ProbeFindsProgramsAsATaskWould) {
  write("tools/tool", "#!/bin/sh\n", fs::perms(0755));
  write("tools/data", "", fs::perms(0644));
  write("marker", "");
  ProbeSpec spec;
  spec.programs = {"tool", "data", (base / "tools/tool").string(), "none", ""};
  spec.environment = {"PATH=/nowhere:" + (base / "tools").string()};
  spec.folders = {base.string(), (base / "none").string(), (base / "marker").string()};
  spec.marker = base / "marker";
  const auto report = probe(spec);
  ASSERT_TRUE(report) << report.error().message;
  const std::string tool = base / "tools/tool";
  EXPECT_THAT(report->found, ElementsAre(tool, "", tool, "", ""));
  EXPECT_EQ(report->path, spec.environment.front().substr(5));
  EXPECT_EQ(report->path_before, report->path);
  EXPECT_THAT(report->missing_folders, ElementsAre(spec.folders[1], spec.folders[2]));
  EXPECT_FALSE(report->marker_seen) << "a simulated node has files of its own";
  EXPECT_NE(report->user, "");
  struct statvfs space {};
  ASSERT_EQ(::statvfs(base.c_str(), &space), 0);
  EXPECT_NEAR(static_cast<double>(report->free_bytes), static_cast<double>(space.f_bavail) * space.f_frsize,
              static_cast<double>(1U << 30U));
  node.simulated = false;
  reopen();
  EXPECT_TRUE(probe(spec)->marker_seen);
}

TEST_P(FactsTest, ProbeReadsTheSetUp) {
  const fs::path set_up = write("home/.setup/it.sh",
                                "echo noise; echo more >&2; set -- a b; cd /; boundary=x\n"
                                "export FROM_IT=\"two\nlines $GIVEN\"; PATH=$PATH:" +
                                    (base / "late").string() + "; export PATH\n");
  write("early/tool", "#!/bin/sh\n", fs::perms(0755));
  write("late/tool", "#!/bin/sh\n", fs::perms(0755));
  write("late/other", "#!/bin/sh\n", fs::perms(0755));
  ProbeSpec spec;
  spec.environment = {"HOME=" + (base / "home").string(), "KEPT=1", "CHANGED=before"};
  spec.inherit = {"PATH", "GRID_NO_SUCH", "HOME", "x;touch x"};
  spec.setup = EnvironmentSetup{.name = "it",
                                .require = {"tool", "other", "none"},
                                .variables = {"GIVEN=$(touch x) 'y'", "CHANGED=after"},
                                .path = {"~/none", (base / "early").string()},
                                .source = {"/none/it.sh", "~/.setup/it.sh"}};
  const auto report = probe(spec);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->sourced, ElementsAre("~/.setup/it.sh"));
  EXPECT_THAT(report->found_required,
              ElementsAre((base / "early/tool").string(), (base / "late/other").string(), ""));
  EXPECT_TRUE(report->path.starts_with((base / "home/none").string() + ":" + (base / "early").string() + ":" +
                                       report->path_before));
  EXPECT_THAT(report->environment, Contains("GIVEN=$(touch x) 'y'"));
  EXPECT_THAT(report->environment, Contains("CHANGED=after"));
  EXPECT_THAT(report->environment, Contains("FROM_IT=two\nlines $(touch x) 'y'"));
  EXPECT_THAT(report->environment, Contains("PATH=" + report->path));
  EXPECT_EQ(report->environment.size(), 4U) << ::testing::PrintToString(report->environment);
}

TEST_P(FactsTest, ASetUpThatEndsTheShellIsSaid) {
  write("bad.sh", "exit 0\n");
  ProbeSpec spec;
  spec.setup = EnvironmentSetup{};
  spec.setup->source = {(base / "bad.sh").string()};
  const auto report = probe(spec);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::preflight_failed);
  EXPECT_THAT(report.error().message, HasSubstr("bad.sh"));
}

TEST_P(FactsTest, DiagnoseLooksAtEverything) {
  faults.before = "echo hello";
  fs::create_directory(root);
  fs::permissions(root, fs::perms(0755));
  const auto checks =
      wait<std::vector<Check>>([](Link& l, Done<std::vector<Check>> done) { l.diagnose(std::move(done)); });
  ASSERT_TRUE(checks) << checks.error().message;
  std::map<std::string, Check> by_name;
  for (const auto& check : *checks) by_name[check.name] = check;
  EXPECT_EQ(checks->front().name, "TCP");
  EXPECT_EQ(by_name.at("shell").state, Check::State::warning);
  EXPECT_THAT(by_name.at("shell").text, HasSubstr("6 bytes"));
  EXPECT_EQ(by_name.at("run root").state, Check::State::bad);
  EXPECT_THAT(by_name.at("run root").fix, HasSubstr("chmod 0700"));
  EXPECT_EQ(by_name.at("clock").state, Check::State::good) << by_name.at("clock").text;
  EXPECT_EQ(by_name.at("tools").state, Check::State::good) << by_name.at("tools").text;
  EXPECT_THAT(by_name.at("versions").text, HasSubstr("Linux "));
  EXPECT_TRUE(by_name.contains("disk"));
  EXPECT_TRUE(by_name.contains("GPU"));
}

INSTANTIATE_TEST_SUITE_P(Shells, FactsTest, ::testing::ValuesIn(manners()),
                         [](const auto& manner) { return manner.param.name; });

TEST(NodeChecks, JudgesWhatRealHostsRarelyShow) {
  const auto judged = [](const std::string& output, const std::string& name, NodeFindings findings = {}) {
    std::string text = output;
    for (auto at = text.find('|'); at != std::string::npos; at = text.find('|'))
      text.replace(at, 1, "\036b ");
    findings.output = text;
    findings.boundary = "b";
    findings.login.greeting = Greeting{{"m1", "b1", "host", "user"}, "1000"};
    for (const auto& check : judge(findings)) {
      if (check.name == name) return check;
    }
    return Check{};
  };
  NodeFindings at_100;
  at_100.wall_seconds = 100;
  EXPECT_EQ(judged("101\n", "clock", at_100).state, Check::State::good);
  EXPECT_EQ(judged("160\n", "clock", at_100).state, Check::State::warning);
  EXPECT_EQ(judged("what\n", "clock", at_100).state, Check::State::skipped);
  const std::string mine = "0\n|root\n/r|facts\ndrwx------ 2 1000 1000 40 Jan 1 00:00 /r\n|filesystem\n";
  EXPECT_EQ(judged(mine + "ext4", "run root").state, Check::State::good);
  EXPECT_EQ(judged(mine + "nfs4", "run root").state, Check::State::warning);
  EXPECT_EQ(judged(mine + "tmpfs", "run root").state, Check::State::warning);
  EXPECT_EQ(judged("0\n|root\n/r|facts\ndrwx------ 2 0 0 40 Jan 1 00:00 /r\n", "run root").state,
            Check::State::bad);
  EXPECT_EQ(judged("0\n|root\n/r|facts\nlrwxrwxrwx 1 1000 1000 4 x /r -> /t\n", "run root").state,
            Check::State::bad);
  EXPECT_EQ(judged("0\n|root\n/r|parent\nyes", "run root").state, Check::State::good);
  EXPECT_EQ(judged("0\n|root\n/r|parent\n", "run root").state, Check::State::bad);
  EXPECT_EQ(judged("0\n|free\n/dev/x 100 50 2000000 3% /\n", "disk").state, Check::State::good);
  EXPECT_EQ(judged("0\n|free\n/dev/x 100 50 2000 3% /\n", "disk").state, Check::State::warning);
  EXPECT_EQ(judged("0\n|tools\nsetsid wc ", "tools").state, Check::State::bad);
  EXPECT_EQ(judged("0\n", "GPU").state, Check::State::skipped);
  EXPECT_EQ(judged("0\n|gpu 0x10de\n|nvidia\nNVRM version: 1\n", "GPU").state, Check::State::good);
  NodeFindings same;
  same.our_machine = "m1";
  EXPECT_EQ(judged("0\n", "machine", same).state, Check::State::warning);
}

}  // namespace
}  // namespace grid::ssh::testing
