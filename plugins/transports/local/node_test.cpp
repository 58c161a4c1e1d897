// Files, readings and facts.
#include <fcntl.h>
#include <sys/stat.h>

#include "testing.hpp"

namespace grid::local::testing {
namespace {

class NodeTest : public LocalTest {};

TEST_F(NodeTest, FilesGoInAndComeBackWithModeAndTime) {
  auto spec = shell("cat in/a >in/b; chmod 640 in/b; ln -s b in/l; rm in/gone; mkdir d; echo $PWD");
  spec.work_folder = true;
  spec.task.cwd = base;  // where it was on the head
  fs::create_directory(base / "src");
  std::ofstream(base / "src/a") << "hello";
  std::ofstream(base / "src/gone") << "x";
  ::chmod((base / "src/a").c_str(), 0750);
  const timespec times[2] = {{1'000'000'000, 7}, {1'234'567'890, 123'456'789}};
  ::utimensat(AT_FDCWD, (base / "src/a").c_str(), times, 0);
  ASSERT_TRUE(wait<void>([&](Done<> done) { link->prepare(spec, std::move(done)); }));
  const auto put = [&](const std::string& from, const std::string& to) {
    return wait<void>([&](Done<> done) { link->put(spec.run, {{from, to}}, nullptr, std::move(done)); });
  };
  ASSERT_TRUE(put(base / "src/a", "in/a"));
  ASSERT_TRUE(put(base / "src/gone", "in/gone"));
  EXPECT_EQ(put(base / "src/a", "../escaped").error().code, Code::usage);
  EXPECT_EQ(put(base / "src/a", "/tmp/escaped").error().code, Code::usage);
  EXPECT_EQ(put(base / "src/missing", "x").error().code, Code::not_found);
  ASSERT_EQ(ending(spec).code, 0);
  EXPECT_EQ(out(spec), (folder(spec.run) / "work").string() + "\n");

  const auto files = wait<std::vector<FileFact>>(
      [&](Done<std::vector<FileFact>> done) { link->list(spec.run, std::move(done)); });
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 3U);
  EXPECT_EQ((*files)[0].path, "in/a");
  EXPECT_EQ((*files)[0].mode, 0750U);
  EXPECT_EQ((*files)[0].mtime_ns, 1'234'567'890'123'456'789);
  EXPECT_EQ((*files)[1].size, 5U);
  EXPECT_TRUE((*files)[2].symlink);
  ASSERT_TRUE(wait<void>([&](Done<> done) {
    link->get(spec.run, {{"in/b", base / "home/b"}, {"in/l", base / "home/l"}, {"in/a", base / "home/a"}},
              nullptr, std::move(done));
  }));
  EXPECT_EQ(contents(base / "home/b"), "hello");
  EXPECT_EQ(fs::read_symlink(base / "home/l"), "b");
  struct stat facts {};
  ASSERT_EQ(::stat((base / "home/b").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0640U);
  ASSERT_EQ(::stat((base / "home/a").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mtim.tv_nsec, 123'456'789);
}

TEST_F(NodeTest, ASymbolicLinkOfTheTaskLeadsNowhere) {
  auto spec = shell("ln -s /etc out");
  spec.task.cwd = "";  // its own work folder
  ASSERT_EQ(ending(spec).code, 0);
  const auto got = wait<void>([&](Done<> done) {
    link->get(spec.run, {{"out/passwd", base / "p"}}, nullptr, std::move(done));
  });
  EXPECT_EQ(got.error().code, Code::usage);
  const auto put = wait<void>([&](Done<> done) {
    link->put(spec.run, {{"/etc/passwd", "out/x"}}, nullptr, std::move(done));
  });
  EXPECT_EQ(put.error().code, Code::usage);
}

TEST_F(NodeTest, FoldersThatATaskClosedAreStillRemoved) {
  auto spec = shell("mkdir -p a/b; touch a/b/c; chmod 0 a/b a");
  spec.task.cwd = "";
  ASSERT_EQ(ending(spec).code, 0);
  ASSERT_TRUE(wait<void>([&](Done<> done) { link->forget(spec.run, std::move(done)); }));
  EXPECT_FALSE(fs::exists(folder(spec.run)));
}

TEST_F(NodeTest, ReadingsComeFromUnderTheFileRoot) {
  host.root = base / "fix*ture";  // no pattern
  fs::create_directories(host.root / "proc/1");
  std::ofstream(host.root / "proc/stat") << "cpu";
  std::ofstream(host.root / "proc/1/stat") << "one";
  const auto reading = wait<Reading>([&](Done<Reading> done) {
    link->read({{"/proc/stat", "/proc/missing"}, {"/proc/*/stat"}, {}}, std::move(done));
  });
  ASSERT_TRUE(reading);
  EXPECT_THAT(reading->content, ::testing::ElementsAre(::testing::Pair("/proc/1/stat", "one"),
                                                       ::testing::Pair("/proc/stat", "cpu")));
  EXPECT_GT(reading->taken.count(), 0);
}

TEST_F(NodeTest, ProbeFindsProgramsAndFolders) {
  std::ofstream(base / "marker").put('x');
  ProbeSpec spec;
  spec.programs = {"sh", "no-such", "/bin/sh", "/etc/passwd"};
  spec.environment = {"PATH=/nowhere:/bin"};
  spec.folders = {"/", "/none"};
  spec.marker = base / "marker";
  const auto report = wait<ProbeReport>([&](Done<ProbeReport> done) { link->probe(spec, std::move(done)); });
  ASSERT_TRUE(report);
  EXPECT_THAT(report->found, ::testing::ElementsAre("/bin/sh", "", "/bin/sh", ""));
  EXPECT_THAT(report->missing_folders, ::testing::ElementsAre("/none"));
  EXPECT_EQ(report->path, "/nowhere:/bin");
  EXPECT_GT(report->free_bytes, 0U);
  EXPECT_FALSE(report->user.empty());
  EXPECT_FALSE(report->marker_seen) << "a simulated node has a directory of its own";
}

TEST_F(NodeTest, TheHeadIsItselfAndSeesTheMarker) {
  NodeAddress head{"head", "", "m1", false, root, ""};
  const auto other = std::move(*transport->open(head, sink));
  const auto self =
      wait<Link::Identity>([&](Done<Link::Identity> done) { other->identify(std::move(done)); });
  ASSERT_TRUE(self);
  EXPECT_EQ(self->machine_id + "\n", contents("/etc/machine-id"));
  const auto made_up =
      wait<Link::Identity>([&](Done<Link::Identity> done) { link->identify(std::move(done)); });
  EXPECT_EQ(made_up->machine_id, "m1");
  EXPECT_EQ(made_up->boot_id, rd::boot_id());
  ProbeSpec spec;
  spec.marker = "/etc/passwd";
  spec.inherit = {"PATH"};
  EXPECT_TRUE(
      wait<ProbeReport>([&](Done<ProbeReport> done) { other->probe(spec, std::move(done)); })->marker_seen);
  EXPECT_EQ(wait<ProbeReport>([&](Done<ProbeReport> done) { other->probe(spec, std::move(done)); })->path,
            std::getenv("PATH"));
}

TEST_F(NodeTest, TheSampleIsTheOneCompiledIn) {
  EXPECT_EQ(contents(GRID_SOURCE_DIR "/plugins/transports/local/sample.yaml"),
            grid_plugin_descriptor.sample_yaml);
}

TEST_F(NodeTest, NamesThatAreNoPathPartsAreRefused) {
  for (const std::string name : {"../x", "a/b", "", ".x"}) {
    auto spec = shell("true");
    spec.run.name = name;
    EXPECT_EQ(start(spec).error().code, Code::usage) << name;
  }
}

TEST_F(NodeTest, NothingComesAfterStop) {
  bool answered = false;
  link->identify([&](Result<Link::Identity>) { answered = true; });
  transport->stop();
  EXPECT_FALSE(host.run_until([&] { return answered; }, std::chrono::milliseconds(100)));
}

}  // namespace
}  // namespace grid::local::testing
