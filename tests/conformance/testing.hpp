// A run directory, a shim started on it as a transport would, and what came of it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "grid/sdk/run_directory.hpp"
#include "shims.hpp"

namespace grid::conformance {

namespace fs = std::filesystem;
namespace rd = run_directory;
using namespace std::chrono_literals;

inline std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline bool until(const std::function<bool()>& condition, std::chrono::milliseconds most = 20s) {
  const auto end = std::chrono::steady_clock::now() + most;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}
inline bool alive(pid_t pid) {
  const auto facts = rd::process_facts(pid);
  return facts && facts->state != 'Z';
}
inline std::int64_t boottime_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

class ShimTest : public ::testing::TestWithParam<Shim> {
 protected:
  ShimTest() {
    std::string name = fs::temp_directory_path() / "grid-conformance-XXXXXX";
    base = ::mkdtemp(name.data());
    folder = base / "head" / "m1" / "e1.1";
    fs::create_directories(folder / rd::cancel_folder);
    fs::create_directories(folder / rd::work_folder);
    spec.nonce = "n1";
    spec.cookie = "cookie-" + base.filename().string();
    spec.execution = "e1";
    spec.elements = {{0, 1}};
    spec.environment = {"PATH=/usr/local/bin:/usr/bin:/bin"};
    spec.grace_seconds = 5;
    environment = {"PATH=" + tools(), "LOGIN_SECRET=1", "HOME=/home/of login"};
  }
  ~ShimTest() override {
    if (shim > 0) {
      ::kill(shim, SIGKILL);
      ::waitpid(shim, nullptr, 0);
    }
    for (const pid_t pid : marked()) ::kill(pid, SIGKILL);
    std::error_code ignored;
    fs::remove_all(base, ignored);
  }
  void SetUp() override {
    if (!fs::exists(GetParam().command.front())) GTEST_SKIP() << GetParam().command.front() << " is not here";
  }

  // A PATH on which only what the shim may count on is found.
  std::string tools() {
    if (GetParam().tools == Shim::Tools::all) return "/usr/bin:/bin";
    const fs::path folder_of_tools = base / "tools";
    fs::create_directories(folder_of_tools);
    for (const auto* const tool : {"cat", "env", "grep", "mkdir", "mv", "nice", "readlink", "rm", "setsid",
                                   "sleep", "sort", "tr", "wc"}) {
      const fs::path busybox = "/usr/bin/busybox";
      fs::create_symlink(GetParam().tools == Shim::Tools::busybox ? busybox : fs::path("/usr/bin") / tool,
                         folder_of_tools / tool);
    }
    return folder_of_tools;
  }

  void script(const std::string& text) { spec.argv = {"sh", "-c", text}; }
  void array(std::uint32_t count, std::uint32_t slots, const std::string& text) {
    script(text);
    spec.array = true;
    spec.slots = slots;
    spec.elements.clear();
    for (std::uint32_t i = 0; i < count; ++i) spec.elements.push_back({i, 1});
  }
  void place(const std::string& text) { std::ofstream(folder / rd::spec_file, std::ios::binary) << text; }

  pid_t spawn(const std::string& verb) {
    std::vector<std::string> words = GetParam().command;
    words.insert(words.end(), {verb, folder});
    std::vector<char*> arguments, variables;
    for (auto& word : words) arguments.push_back(word.data());
    for (auto& variable : environment) variables.push_back(variable.data());
    arguments.push_back(nullptr);
    variables.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, (folder / rd::shim_log).c_str(),
                                     O_WRONLY | O_APPEND | O_CREAT, 0600);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    for (const int stray : {5, 20}) {
      if (stray < 10 || GetParam().all_descriptors) posix_spawn_file_actions_adddup2(&actions, 0, stray);
    }
    pid_t pid = 0;
    EXPECT_EQ(
        ::posix_spawn(&pid, words.front().c_str(), &actions, nullptr, arguments.data(), variables.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
  }
  static int wait_for(pid_t pid) {
    int status = 0;
    const bool ended = until([&] { return ::waitpid(pid, &status, WNOHANG) == pid; }, 40s);
    EXPECT_TRUE(ended) << "the shim does not end";
    return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void start() {
    place(rd::encode(spec));
    shim = spawn("run");
  }
  // Until the shim has ended; returns its exit code.
  int finish() {
    const int code = wait_for(shim);
    shim = 0;
    return code;
  }
  void run() {
    start();
    EXPECT_EQ(finish(), 0) << contents(folder / rd::shim_log);
    ASSERT_FALSE(records().empty());
    EXPECT_TRUE(std::holds_alternative<rd::FinishedRecord>(records().back()));
    EXPECT_EQ(marked(), std::vector<pid_t>()) << "left behind";
  }

  std::vector<rd::Record> records() const {
    std::vector<rd::Record> found;
    const std::string text = contents(folder / rd::journal_file);
    const auto used = rd::decode_journal(text, found);
    EXPECT_TRUE(used) << text;
    return found;
  }
  std::map<std::uint32_t, Ending> endings() const {
    std::map<std::uint32_t, Ending> found;
    for (const auto& record : records()) {
      if (const auto* const exited = std::get_if<rd::ExitedRecord>(&record)) {
        EXPECT_TRUE(found.emplace(exited->element, exited->ending).second) << "ended twice";
      }
    }
    return found;
  }
  std::map<std::uint32_t, ProcessId> starts() const {
    std::map<std::uint32_t, ProcessId> found;
    for (const auto& record : records()) {
      if (const auto* const started = std::get_if<rd::StartedRecord>(&record)) {
        EXPECT_TRUE(found.emplace(started->element, started->process).second) << "started twice";
      }
    }
    return found;
  }
  Ending ending() const {
    const auto all = endings();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? Ending{} : all.begin()->second;
  }
  std::string out(std::uint32_t element = 0) const {
    return contents(folder / rd::log_name(element, Stream::out));
  }
  std::string err(std::uint32_t element = 0) const {
    return contents(folder / rd::log_name(element, Stream::err));
  }

  // Whoever carries the cookie.
  std::vector<pid_t> marked() const {
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid > 0 && rd::environment_holds(rd::process_environment(pid), "GRID_COOKIE=" + spec.cookie))
        found.push_back(pid);
    }
    return found;
  }
  void ask_to_cancel(const std::string& name) {
    std::ofstream(folder / rd::cancel_folder / name).flush();
    for (const auto& record : records()) {
      if (const auto* const its = std::get_if<rd::ShimRecord>(&record))
        rd::send_signal(its->process, SIGTERM);
    }
  }
  void lease_for(std::int64_t ms) {
    std::ofstream(folder / "lease.new") << boottime_ms() + ms << '\n';
    fs::rename(folder / "lease.new", folder / rd::lease_file);
  }
  bool until_exists(const fs::path& file) {
    return until([&] { return fs::exists(file); });
  }
  // The numbers in a file, one a line, once there are `count`.
  std::vector<pid_t> pids(std::size_t count) {
    std::vector<pid_t> found;
    EXPECT_TRUE(until([&] {
      std::ifstream file(base / "pids");
      found.clear();
      for (pid_t pid = 0; file >> pid;) found.push_back(pid);
      return found.size() == count;
    }));
    return found;
  }
  // A task with children of every kind, which all wrote their pid into `pids`: 4 in all.
  void family(const std::string& before, const std::string& after) {
    script(before + "cd " + base.string() +
           "; sleep 1000 & echo $! >>pids; setsid sleep 1000 & echo $! >>pids; (setsid sh -c 'sleep 1000 & "
           "echo $! >>pids; wait' &); while [ $(wc -l <pids) -lt 3 ]; do sleep 0.01; done; echo $$ >>pids; " +
           after);
  }

  fs::path base, folder;
  rd::Spec spec;
  std::vector<std::string> environment;  // of whoever starts the shim
  pid_t shim = 0;
};

inline std::string name_of(const ::testing::TestParamInfo<Shim>& info) { return info.param.name; }

}  // namespace grid::conformance
