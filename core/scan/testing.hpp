// For the tests of this folder: made-up /proc trees, and real processes that end with their object.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "core/scan/process_row.hpp"

namespace grid::testing {

class TempFolder {
 public:
  // In memory for very many files: some disks take milliseconds to remove one.
  explicit TempFolder(bool in_memory = false) {
    const bool memory = in_memory && ::access("/dev/shm", W_OK) == 0;
    const auto parent = memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
    std::string name = (parent / "grid-scan-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void write(const std::filesystem::path& name, std::string_view bytes) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary | std::ios::trunc) << bytes;
  }
  void link(const std::filesystem::path& name, const std::string& target) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::filesystem::create_symlink(target, path_ / name);
  }

 private:
  std::filesystem::path path_;
};

struct StatLine {
  int pid = 100;
  std::string comm = "work";
  char state = 'S';
  int ppid = 1;
  std::uint64_t utime = 0;
  std::uint64_t stime = 0;
  std::uint64_t start = 1000;
  std::uint64_t rss_pages = 10;
  unsigned flags = 0;
};
inline std::string stat_line(const StatLine& s) {
  return std::to_string(s.pid) + " (" + s.comm + ") " + s.state + ' ' + std::to_string(s.ppid) +
         " 7 8 0 -1 " + std::to_string(s.flags) + " 1 2 3 4 " + std::to_string(s.utime) + ' ' +
         std::to_string(s.stime) + " 5 6 20 0 3 0 " + std::to_string(s.start) + " 4096 " +
         std::to_string(s.rss_pages) +
         " 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
}

inline ProcessRow row(int pid, int ppid, double cpu = 0) {
  ProcessRow r;
  r.pid = pid;
  r.ppid = ppid;
  r.state = 'S';
  r.start_ticks = static_cast<std::uint64_t>(pid);
  r.session = 1;
  r.comm = "p" + std::to_string(pid);
  r.cpu_fraction = cpu;
  return r;
}

// Waits for a condition; false when it did not come true in time.
inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::milliseconds limit = std::chrono::seconds(10)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// A program in a session of its own, its standard streams on /dev/null unless `descriptors` says what they
// are, and nothing else open. Its whole group is killed and reaped at the end.
class Child {
 public:
  struct Options {
    std::map<int, int> descriptors;  // theirs → ours
    std::vector<std::string> environment{"PATH=/usr/bin:/bin"};
  };
  explicit Child(std::vector<std::string> argv) : Child(std::move(argv), Options()) {}
  Child(std::vector<std::string> argv, const Options& options) {
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; ++fd) ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    int last = 2;
    for (const auto& [theirs, ours] : options.descriptors) {
      ::posix_spawn_file_actions_adddup2(&actions, ours, theirs);
      last = std::max(last, theirs);
    }
    for (int fd = 3; fd < last; ++fd)  // whoever runs the tests may have left some open
      if (!options.descriptors.contains(fd)) ::posix_spawn_file_actions_addclose(&actions, fd);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, last + 1);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    auto args = pointers(argv);
    auto environment_copy = options.environment;
    auto environment = pointers(environment_copy);
    if (::posix_spawnp(&pid_, args[0], &actions, &attributes, args.data(), environment.data()) != 0)
      pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  // Runs `prepare` between fork and exec.
  Child(std::vector<std::string> argv, const std::function<void()>& prepare) {
    auto args = pointers(argv);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::setsid();
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    ::close_range(3, ~0U, 0);
    prepare();
    ::execvp(args[0], args.data());
    ::_exit(127);
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  void end() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> list;
    for (auto& one : strings) list.push_back(one.data());
    list.push_back(nullptr);
    return list;
  }
  pid_t pid_ = -1;
};

}  // namespace grid::testing
