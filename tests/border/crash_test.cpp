// A plugin that took a process down is left out by the next one, which says so.
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <csignal>

#include "core/base/files.hpp"
#include "zoo.hpp"

extern char** environ;

namespace grid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Crash : public BorderTest {
 protected:
  Crash() : markers_(temp_.path() / "markers"), begun_(temp_.path() / "begun") {}

  pid_t spawn(const std::string& plugin, const std::vector<std::string>& options,
              const std::string& plugins = "deeds") {
    std::vector<std::string> words{GRID_BORDER_CHILD, zoo_folder(plugins).string(), markers_.string(),
                                   plugin};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    // What a sanitizer says about a crash on purpose would only mislead.
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t child = -1;
    EXPECT_EQ(::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    return child;
  }
  static int wait_for(pid_t child) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }
  int run(const std::string& plugin, const std::vector<std::string>& options,
          const std::string& plugins = "deeds") {
    return wait_for(spawn(plugin, options, plugins));
  }
  // A process that is killed in the middle of decide.
  void kill_in_decide() {
    std::filesystem::remove(begun_);
    const pid_t child = spawn("policy.bad", {"deed=hangs", "in=decide", "begun=" + begun_.string()});
    ASSERT_TRUE(host_.run_until([&] { return std::filesystem::exists(begun_); }));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    EXPECT_EQ(wait_for(child), SIGKILL);
  }
  // As the next process sees it.
  std::shared_ptr<Registry> next(const std::string& plugins = "deeds") {
    return std::make_shared<Registry>(
        RegistryOptions{{zoo_folder(plugins)}, markers_, std::chrono::seconds(20)}, host_);
  }
  void expect_disabled(const std::string& name, const std::string& how,
                       const std::string& plugins = "deeds") {
    const auto own = next(plugins);
    const auto policy = own->policy(name);
    ASSERT_FALSE(policy);
    EXPECT_EQ(policy.error().code, Code::plugin_fault);
    EXPECT_THAT(policy.error().message, AllOf(HasSubstr("policy." + name + " is disabled"), HasSubstr(how)));
    const std::filesystem::path file = markers_ / ("disabled-policy." + name);
    EXPECT_THAT(policy.error().hint, HasSubstr(file.string()));
    for (const auto& state : {own->states(), own->list()})
      for (const auto& plugin : state)
        if (plugin.kind == Kind::policy) {
          EXPECT_EQ(plugin.state, PluginState::disabled);
          EXPECT_THAT(plugin.reason, AllOf(HasSubstr(how), HasSubstr(file.string())));
        }
  }

  std::filesystem::path markers_;
  std::filesystem::path begun_;
};

TEST_F(Crash, EachFatalSignalInACallDisablesAtOnce) {
  const std::map<std::string, std::pair<int, std::string>> deeds{{"reads_null", {SIGSEGV, "SIGSEGV"}},
                                                                 {"aborts", {SIGABRT, "SIGABRT"}},
                                                                 {"divides", {SIGFPE, "SIGFPE"}},
                                                                 {"overflows", {SIGSEGV, "SIGSEGV"}}};
  for (const auto& [what, died] : deeds) {
    std::filesystem::remove_all(markers_);
    const int status = run("policy.bad", {"deed=" + what, "in=decide"});
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    ASSERT_TRUE(WIFSIGNALED(status)) << what;
    EXPECT_EQ(WTERMSIG(status), died.first) << what;
#else
    ASSERT_NE(status, 0) << what;
#endif
    expect_disabled("bad", died.second + " in its decide");
  }
}

TEST_F(Crash, DyingInEveryPlaceIsNamed) {
  for (const char* where : {"configure", "start", "stop", "destroy"}) {
    std::filesystem::remove_all(markers_);
    ASSERT_NE(run("policy.bad", {"deed=aborts", std::string("in=") + where}), 0) << where;
    expect_disabled("bad", std::string("in its ") + where);
  }
}

TEST_F(Crash, ThrowingOutOfStopIsADeath) {
  ASSERT_NE(run("policy.bad", {"deed=throws", "in=stop"}), 0);
  expect_disabled("bad", "SIGABRT in its stop");
}

TEST_F(Crash, DyingInStaticInitialisers) {
  ASSERT_NE(run("policy.forged", {}, "init_traps"), 0);
  expect_disabled("forged", "SIGILL in its static initialisers", "init_traps");
}

// In a process of its own: the dynamic linker's lock hangs with it.
TEST_F(Crash, HangingInStaticInitialisersIsAnsweredAndNoDeath) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(WEXITSTATUS(run("policy.good", {"short=1"}, "init_hangs")), 3);
  EXPECT_EQ(next("init_hangs")->list().at(0).state, PluginState::available);
  EXPECT_FALSE(std::filesystem::exists(markers_ / "suspect-policy.good"));
}

TEST_F(Crash, DisabledOneIsNotEnteredOthersAreAndDeletingTheFileAllowsItAgain) {
  ASSERT_NE(run("policy.bad", {"deed=aborts", "in=decide"}), 0);
  EXPECT_EQ(WEXITSTATUS(run("policy.bad", {"deed=nothing"})), 3);
  EXPECT_EQ(run("renderer.bad", {"deed=nothing"}), 0);
  ASSERT_TRUE(std::filesystem::remove(markers_ / "disabled-policy.bad"));
  EXPECT_EQ(run("policy.bad", {"deed=nothing"}), 0);
}

TEST_F(Crash, SigkillBlamesNobodyOnceAndTwiceDoes) {
  kill_in_decide();
  EXPECT_TRUE(next()->policy("bad")) << "once";
  kill_in_decide();
  expect_disabled("bad", "second time");
}

TEST_F(Crash, LeavingTheProcessIsADeathToo) {
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run("policy.bad", {"deed=leaves", "in=decide"}), 0);
  expect_disabled("bad", "second time");
}

TEST_F(Crash, SignalFromSomebodyElseConfirmsNothing) {
  const pid_t child = spawn("policy.bad", {"deed=hangs", "in=decide", "begun=" + begun_.string()});
  ASSERT_TRUE(host_.run_until([&] { return std::filesystem::exists(begun_); }));
  ASSERT_EQ(::kill(child, SIGSEGV), 0);
  EXPECT_NE(wait_for(child), 0);
  EXPECT_TRUE(next()->policy("bad"));
}

TEST_F(Crash, HostThatDiesOutsideBlamesNoPlugin) {
  for (int i = 0; i < 3; ++i) {
    std::filesystem::remove(begun_);
    EXPECT_NE(run("policy.bad", {"deed=hangs", "in=decide", "begun=" + begun_.string(), "host_dies=1"}), 0);
    ASSERT_TRUE(std::filesystem::exists(begun_));
  }
  EXPECT_TRUE(next()->policy("bad"));
}

TEST_F(Crash, ProcessesThatLiveOrEndedInOrderAreLeftAlone) {
  EXPECT_EQ(run("policy.bad", {"deed=nothing"}), 0);
  const pid_t child = spawn("policy.bad", {"deed=hangs", "in=decide", "begun=" + begun_.string()});
  ASSERT_TRUE(host_.run_until([&] { return std::filesystem::exists(begun_); }));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(next()->policy("bad"));
  EXPECT_FALSE(std::filesystem::exists(markers_ / "suspect-policy.bad")) << "the other process still runs";
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  wait_for(child);
  EXPECT_TRUE(next()->policy("bad"));
  EXPECT_TRUE(std::filesystem::exists(markers_ / "suspect-policy.bad"));
}

TEST_F(Crash, GarbageInTheMarkerFolderIsNobodysDeath) {
  ASSERT_TRUE(make_private_folder(markers_));
  std::ofstream(markers_ / "entered-1-short") << "grid";
  std::ofstream(markers_ / "entered-2-long") << std::string(1 << 16, 'X');
  std::filesystem::create_symlink("/etc/passwd", markers_ / "entered-3-link");
  EXPECT_TRUE(next()->policy("bad"));
}

TEST_F(Crash, MarkerFolderThatCannotBeUsedCostsOnlyTheMemory) {
  std::filesystem::create_symlink(temp_.path(), markers_);
  EXPECT_TRUE(next()->policy("bad"));
}

}  // namespace
}  // namespace grid
