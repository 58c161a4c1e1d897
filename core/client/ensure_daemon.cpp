#include "core/client/ensure_daemon.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "core/base/files.hpp"

namespace grid {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// A daemon lives longer than the shell it was started from: it gets what it needs to find its way, and no
// secrets.
bool passes(std::string_view variable) {
  constexpr std::array<std::string_view, 13> names{
      "HOME",   "USER",          "LOGNAME",         "PATH",         "SHELL",        "LANG",         "TZ",
      "TMPDIR", "SSH_AUTH_SOCK", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};
  const std::string_view name = variable.substr(0, variable.find('='));
  if (name == "GRID_STATE_DIR") return false;  // given as an absolute path below
  if (name.starts_with("LC_") || name.starts_with("XDG_") || name.starts_with("GRID_")) return true;
  for (const std::string_view known : names)
    if (name == known) return true;
  return false;
}

fs::path log_file(const Dirs& dirs) { return dirs.state / "daemon.log"; }

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& each : strings) out.push_back(each.data());
  out.push_back(nullptr);
  return out;
}

struct Started {
  pid_t pid = -1;
  Fd words;  // what it writes to its stderr before it has a log
};

Result<Started> start_daemon(const Dirs& dirs, const DaemonStart& start) {
  std::error_code ignored;
  const fs::path program =
      start.program.empty() ? fs::read_symlink("/proc/self/exe", ignored) : start.program;
  std::vector<std::string> arguments{"grid", "daemon", "run"};
  arguments.push_back("--log=" + log_file(dirs).string());
  arguments.insert(arguments.end(), start.arguments.begin(), start.arguments.end());
  std::vector<std::string> environment;
  for (char** each = environ; *each != nullptr; ++each)
    if (passes(*each)) environment.emplace_back(*each);
  if (::getenv("GRID_STATE_DIR") != nullptr) environment.push_back("GRID_STATE_DIR=" + dirs.state.string());

  Started started;
  started.words = Fd(::memfd_create("grid-daemon-stderr", MFD_CLOEXEC));
  if (!started.words) return fail(Code::internal, "memfd_create: " + errno_text(errno));
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, started.words.get(), STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&actions,
                                             STDERR_FILENO + 1);  // a pipe kept open would hang `$(grid ps)`
  ::posix_spawn_file_actions_addchdir_np(&actions, "/");
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = ::posix_spawn(&started.pid, program.c_str(), &actions, &attributes,
                                  pointers(arguments).data(), pointers(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return fail(Code::daemon_unavailable,
                "cannot start the daemon (" + program.string() + "): " + errno_text(error));
  return started;
}

// What it said: on stderr, else the end of its log.
std::string last_words(const Started& started, const Dirs& dirs) {
  constexpr std::size_t most = 2000;
  std::string words;
  std::array<char, most> piece;
  const ssize_t got = ::pread(started.words.get(), piece.data(), piece.size(), 0);
  if (got > 0) words.assign(piece.data(), static_cast<std::size_t>(got));
  if (words.empty())
    if (auto log = read_file(log_file(dirs)))
      words = log->size() > most ? log->substr(log->find('\n', log->size() - most) + 1) : *log;
  if (const auto at = words.find("\nerror: "); at != std::string::npos)
    words.erase(0, at + 1);  // after log lines
  if (words.starts_with("error: ")) words.erase(0, 7);
  while (words.ends_with('\n')) words.pop_back();
  return words;
}

}  // namespace

Result<ApiClient> ensure_daemon(const Dirs& dirs, const DaemonStart& start) {
  auto client = ApiClient::connect(dirs.socket(), start.deadline);
  if (client || client.error().code != Code::daemon_unavailable) return client;
  if (!start.may_start)
    return fail(Code::daemon_unavailable, "no daemon is running", "start it: grid daemon start");

  auto started = start_daemon(dirs, start);
  if (!started) return fail(started.error());
  const auto begun = Clock::now();
  auto give_up = begun + start.deadline;
  bool told = !start.tell;
  bool dead = false;
  bool lost_race = false;
  auto again = begun;
  int status = 0;
  while (true) {
    client = ApiClient::connect(dirs.socket(), start.deadline);
    if (client) return client;
    const auto now = Clock::now();
    if (now >= give_up) break;
    if (!told && now - begun > 300ms) {
      told = true;
      std::fputs("starting the daemon…\n", stderr);
    }
    if (!dead && ::waitpid(started->pid, &status, WNOHANG) == started->pid) {
      dead = true;
      // One that met another daemon's lock leaves. The other one is on its way to its socket, or to its end.
      lost_race = WIFEXITED(status) && WEXITSTATUS(status) == exit_code(Code::daemon_unavailable);
      if (lost_race)
        again = now + 100ms;
      else
        give_up = std::min(give_up, now + 200ms);
    }
    if (dead && lost_race && now >= again) {
      started = start_daemon(dirs, start);
      if (!started) return fail(started.error());
      dead = false;
    }
    ::poll(nullptr, 0, 5);
  }
  const std::string words = last_words(*started, dirs);
  std::string message = dead ? "the daemon did not start" : "the daemon does not open its socket";
  if (dead && WIFSIGNALED(status)) message += " (signal " + std::to_string(WTERMSIG(status)) + ")";
  if (!words.empty()) message += ": " + words;
  const bool bad_config = dead && WIFEXITED(status) && WEXITSTATUS(status) == exit_code(Code::config_invalid);
  return fail(bad_config ? Code::config_invalid : Code::daemon_unavailable, message,
              "its log: " + log_file(dirs).string());
}

}  // namespace grid
