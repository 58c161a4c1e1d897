#include "core/client/ensure_daemon.hpp"

#include <poll.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/client/test_server.hpp"

namespace grid {
namespace {

using namespace std::chrono_literals;

// A shell script stands in for the daemon; where one must answer, the test listens itself when the script has
// begun.
struct EnsureDaemonTest : testing::Test {
  TemporaryFolder folder;
  Dirs dirs;
  DaemonStart start;

  EnsureDaemonTest() {
    dirs.state = folder.path;
    dirs.runtime = folder.path;
    start.program = folder.path / "daemon.sh";
    start.deadline = 3s;
  }
  void script(const std::string& body) const {
    std::ofstream(start.program) << "#!/bin/sh\nhere='" << folder.path.string() << "'\n" << body << "\n";
    ::chmod(start.program.c_str(), 0755);
  }
  [[nodiscard]] std::string content(const char* name) const {
    auto text = read_file(folder.path / name);
    return text ? *text : "";
  }
  // Listens as soon as `name` is there.
  std::thread listen_after(const char* name, std::unique_ptr<TestServer>& server) const {
    return std::thread([this, name, &server] {
      while (!std::filesystem::exists(folder.path / name)) std::this_thread::yield();
      server = std::make_unique<TestServer>(dirs.socket(), [](const TestServer::Request&, int) {});
    });
  }
};

TEST_F(EnsureDaemonTest, one_that_runs_is_used) {
  TestServer server(dirs.socket(), [](const TestServer::Request&, int) {});
  start.program = "/nonexistent";
  EXPECT_TRUE(ensure_daemon(dirs, start));
}

TEST_F(EnsureDaemonTest, no_start_is_exit_code_6) {
  start.may_start = false;
  auto client = ensure_daemon(dirs, start);
  ASSERT_FALSE(client);
  EXPECT_EQ(exit_code(client.error().code), 6);
}

TEST_F(EnsureDaemonTest, starts_it_apart_from_us) {
  ::setenv("GRID_TEST_PASSES", "1", 1);
  ::setenv("MY_SECRET_TOKEN", "hush", 1);
  const Fd leak(::dup(STDERR_FILENO));  // stands for a pipe of the caller's shell
  script(
      "echo \"$0 $*\" > $here/arguments; env > $here/environment; ls /proc/self/fd | wc -l > "
      "$here/descriptors\n"
      "pwd > $here/folder; cut -d' ' -f6 /proc/$$/stat > $here/session; echo $$ > $here/pid; touch "
      "$here/ready; sleep 1");
  start.arguments = {"--profile=home"};
  std::unique_ptr<TestServer> server;
  std::thread listener = listen_after("ready", server);
  auto client = ensure_daemon(dirs, start);
  listener.join();
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_NE(content("arguments")
                .find("daemon run --log=" + (folder.path / "daemon.log").string() + " --profile=home"),
            std::string::npos);
  EXPECT_NE(content("environment").find("GRID_TEST_PASSES=1"), std::string::npos);
  EXPECT_EQ(content("environment").find("hush"), std::string::npos);
  EXPECT_EQ(content("folder"), "/\n");
  EXPECT_EQ(content("session"), content("pid"));
  EXPECT_LE(std::stoi(content("descriptors")), 4);  // 0, 1, 2 and the one ls reads
}

TEST_F(EnsureDaemonTest, one_that_dies_says_why) {
  script("printf '[grid] a line of its log\\nerror: config: no such profile\\n' >&2; exit 2");
  auto client = ensure_daemon(dirs, start);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::config_invalid);
  EXPECT_EQ(client.error().message, "the daemon did not start: config: no such profile");
}

TEST_F(EnsureDaemonTest, one_that_dies_silently_shows_its_log) {
  script("for i in 1 2 3; do echo line $i >> $here/daemon.log; done; kill -KILL $$");
  auto client = ensure_daemon(dirs, start);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().message, "the daemon did not start (signal 9): line 1\nline 2\nline 3");
}

TEST_F(EnsureDaemonTest, the_loser_of_a_race_waits_for_the_winner) {
  script("touch $here/lost; exit 6");  // another daemon holds the lock
  std::unique_ptr<TestServer> server;
  std::thread listener([&] {
    while (!std::filesystem::exists(folder.path / "lost")) std::this_thread::yield();
    ::poll(nullptr, 0, 500);  // the winner takes longer than a dead one is waited for
    server = std::make_unique<TestServer>(dirs.socket(), [](const TestServer::Request&, int) {});
  });
  auto client = ensure_daemon(dirs, start);
  listener.join();
  EXPECT_TRUE(client) << client.error().message;
}

TEST_F(EnsureDaemonTest, one_that_never_listens_is_given_up) {
  script("exec sleep 2");
  start.deadline = 300ms;
  auto client = ensure_daemon(dirs, start);
  ASSERT_FALSE(client);
  EXPECT_NE(client.error().message.find("does not open its socket"), std::string::npos);
}

}  // namespace
}  // namespace grid
