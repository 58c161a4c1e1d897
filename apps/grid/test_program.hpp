// Runs the built program as a user would: with pipes, or on a terminal of its own.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "grid/sdk/fd.hpp"

namespace grid::cli {

struct Outcome {
  int code = -1;
  std::string out;  // on a terminal: all of it
  std::string err;
};

inline std::vector<char*> c_strings(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& each : strings) out.push_back(each.data());
  out.push_back(nullptr);
  return out;
}

// A running program and what it wrote so far.
class Program {
 public:
  using Environment = std::vector<std::string>;
  static constexpr const char* path = GRID_BUILD_DIR "/bin/grid";

  Program(std::vector<std::string> words, Environment environment, bool on_terminal = false) {
    words.insert(words.begin(), "grid");
    auto argv = c_strings(words);
    auto envp = c_strings(environment);
    if (on_terminal) {
      winsize size{24, 80, 0, 0};
      int master = -1;
      pid_ = ::forkpty(&master, nullptr, nullptr, &size);
      if (pid_ == 0) {
        ::execve(path, argv.data(), envp.data());
        ::_exit(255);
      }
      out_ = Fd(master);
      return;
    }
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) return;
    out_ = Fd(out[0]);
    err_ = Fd(err[0]);
    const Fd out_end(out[1]);
    const Fd err_end(err[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out_end.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err_end.get(), STDERR_FILENO);
    ::posix_spawn(&pid_, path, &actions, nullptr, argv.data(), envp.data());
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number) const { ::kill(pid_, number); }
  void type(const std::string& keys) const { (void)!::write(out_.get(), keys.data(), keys.size()); }
  void stop_reading() { out_.reset(); }

  // Until `text` was written to stdout or stderr; false after 20 s or at the end.
  bool wait_for(const std::string& text) {
    while (outcome_.out.find(text) == std::string::npos && outcome_.err.find(text) == std::string::npos)
      if (!read_some()) return false;
    return true;
  }
  // Until it has ended.
  Outcome finish() {
    while (read_some()) {
    }
    if (out_ || err_) ::kill(pid_, SIGKILL);  // silent for too long: a failure, not a hang
    int status = 0;
    if (::waitpid(pid_, &status, 0) == pid_) pid_ = -1;
    outcome_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome_;
  }

 private:
  bool read_some() {
    std::array<pollfd, 2> entries{{{out_ ? out_.get() : -1, POLLIN, 0}, {err_ ? err_.get() : -1, POLLIN, 0}}};
    if ((!out_ && !err_) || ::poll(entries.data(), entries.size(), 20'000) <= 0) return false;
    take(out_, entries[0].revents, outcome_.out);
    take(err_, entries[1].revents, outcome_.err);
    return true;
  }
  static void take(Fd& from, short events, std::string& into) {
    if (events == 0) return;
    std::array<char, 4096> bytes;
    const ssize_t got = ::read(from.get(), bytes.data(), bytes.size());
    if (got > 0)
      into.append(bytes.data(), static_cast<std::size_t>(got));
    else
      from.reset();
  }

  pid_t pid_ = -1;
  Fd out_;
  Fd err_;
  Outcome outcome_;
};

}  // namespace grid::cli
