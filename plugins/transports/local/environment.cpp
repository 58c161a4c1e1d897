#include "environment.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/run_directory.hpp"

namespace grid::local {
namespace {

// No parameters reach the files, and nothing that they print. What is exported in the end is what a program
// started there would get.
constexpr const char* script =
    "grid_read() { . \"$grid_file\"; }\n"
    "while [ $# -gt 0 ]; do grid_file=$1; shift; grid_read </dev/null >/dev/null 2>&1; done\n"
    "exec /bin/cat /proc/self/environ\n";
constexpr std::size_t most_bytes = 4U << 20U;
constexpr std::chrono::seconds longest{20};

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

std::string* find(std::vector<std::string>& environment, std::string_view name) {
  for (std::string& entry : environment)
    if (name_of(entry) == name) return &entry;
  return nullptr;
}

void set(std::vector<std::string>& environment, const std::string& entry) {
  if (std::string* same = find(environment, name_of(entry)))
    *same = entry;
  else
    environment.push_back(entry);
}

std::string home_of(std::vector<std::string>& environment) {
  if (const std::string* entry = find(environment, "HOME")) return entry->substr(5);
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->pw_dir;
  return "/";
}

std::string expanded(const std::string& path, const std::string& home) {
  return path == "~" || path.starts_with("~/") ? home + path.substr(1) : path;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// All that comes until its end. Empty: it did not come in time.
std::string read_all(int fd, const Stopping& stopping) {
  const auto until = std::chrono::steady_clock::now() + longest;
  std::string text;
  std::array<char, 65536> buffer{};
  while (!stopping && std::chrono::steady_clock::now() < until && text.size() < most_bytes) {
    pollfd entry{fd, POLLIN, 0};
    if (::poll(&entry, 1, 100) <= 0) continue;
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n == 0) return text;
    if (n < 0 && errno != EINTR) return {};
    if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return {};
}

// What the shell exports after it has read `files`.
Result<std::vector<std::string>> read_files(std::vector<std::string> environment,
                                            const std::vector<std::string>& files, const Stopping& stopping) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(Code::preflight_failed, std::string("no pipe: ") + std::strerror(errno), {}, true);
  const Fd out(ends[0]);
  Fd in(ends[1]);
  std::vector<std::string> words{"sh", "-c", script, "sh"};
  words.insert(words.end(), files.begin(), files.end());
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, in.get(), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, pointers(words).data(),
                                  pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0)
    return fail(Code::preflight_failed, std::string("/bin/sh cannot be started: ") + std::strerror(error));
  in.reset();
  const std::string text = read_all(out.get(), stopping);
  if (text.empty()) ::kill(-pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (text.empty())
    return fail(Code::preflight_failed,
                "reading " + files.front() +
                    " and what follows ended the shell, or "
                    "took too long",
                "try it by hand: sh -c '. " + files.front() + "'");
  std::vector<std::string> entries;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\0', begin), text.size());
    std::string entry = text.substr(begin, end - begin);
    begin = end + 1;
    // The shell's own, of the folder it ran in.
    const std::string_view name = name_of(entry);
    const bool own = name == "PWD" || name == "OLDPWD" || name == "_" || name == "SHLVL";
    if (!own && name.size() < entry.size() && !name.empty()) entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

Result<SetUp> set_up(const std::vector<std::string>& environment, const EnvironmentSetup& setup,
                     const Stopping& stopping) {
  SetUp result;
  result.environment = environment;
  const std::string home = home_of(result.environment);
  for (const std::string& file : setup.source) {
    const std::string path = expanded(file, home);
    if (::access(path.c_str(), R_OK) == 0) result.sourced.push_back(path);
  }
  if (!result.sourced.empty()) {
    auto read = read_files(environment, result.sourced, stopping);
    if (!read) return fail(read.error());
    for (const std::string& entry : *read) set(result.environment, entry);
  }
  if (!setup.path.empty()) {
    std::string path;
    for (const std::string& folder : setup.path) path += expanded(folder, home) + ":";
    path += run_directory::search_path(result.environment);
    set(result.environment, "PATH=" + path);
  }
  for (const std::string& variable : setup.variables) set(result.environment, variable);
  return result;
}

std::vector<std::string> changed_entries(const std::vector<std::string>& before,
                                         const std::vector<std::string>& after) {
  std::vector<std::string> changed;
  for (const std::string& entry : after)
    if (std::find(before.begin(), before.end(), entry) == before.end()) changed.push_back(entry);
  return changed;
}

}  // namespace grid::local
