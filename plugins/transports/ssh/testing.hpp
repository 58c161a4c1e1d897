// A wire whose channels are local processes, started as a login shell would start them; with faults that real
// servers do not produce on demand.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/testkit/loop_host.hpp"
#include "wire.hpp"

extern char** environ;

namespace grid::ssh::testing {

namespace fs = std::filesystem;

// What tests set and look at; outlives the wires.
struct Faults {
  std::vector<std::string> login_shell{"/bin/sh"};  // and its first arguments
  std::string far_shell;                            // stands for /bin/sh there; empty: it itself
  std::string before;                               // run by /bin/sh before the login shell, as a profile
  std::size_t most_channels = 10;
  std::atomic<bool> refused{false};        // connect() fails
  std::atomic<bool> not_authentic{false};  // connect() fails for good
  std::atomic<bool> cut{false};            // the present connection is gone
  std::atomic<bool> frozen{false};         // nothing comes and nothing goes
  std::atomic<int> connects{0};
  std::atomic<int> opens{0};
  std::atomic<int> writes{0};
  std::atomic<int> writes_unheard{0};    // of these, before the far end had said anything
  std::vector<std::string> environment;  // "NAME=value", in addition
};

class ProcessChannel final : public Channel {
 public:
  ProcessChannel(Faults& faults, std::shared_ptr<std::atomic<bool>> alive, const std::string& command)
      : faults_(faults), alive_(std::move(alive)) {
    int in[2], out[2], err[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0)
      std::abort();
    in_ = Fd(in[1]);
    out_ = Fd(out[0]);
    err_ = Fd(err[0]);
    const Fd child_in(in[0]), child_out(out[1]), child_err(err[1]);
    for (const Fd* fd : {&in_, &out_, &err_}) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
    std::vector<std::string> words = faults.login_shell;
    words.insert(words.end(), {"-c", command});
    if (!faults.before.empty()) {
      std::vector<std::string> profile{"/bin/sh", "-c", faults.before + "\nexec \"$@\"", "profile"};
      profile.insert(profile.end(), words.begin(), words.end());
      words = profile;
    }
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::vector<char*> variables;
    for (auto& variable : faults.environment) variables.push_back(variable.data());
    for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
    variables.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, child_in.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, child_out.get(), 1);
    posix_spawn_file_actions_adddup2(&actions, child_err.get(), 2);
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
    if (::posix_spawn(&pid_, words.front().c_str(), &actions, &attributes, arguments.data(),
                      variables.data()) != 0)
      pid_ = 0;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  ~ProcessChannel() override {
    in_.reset();
    out_.reset();
    err_.reset();
    // As with a real server: the far end sees its input end. A test must not leave it behind, though.
    if (pid_ == 0) return;
    for (int waited = 0; waited < 400 && ::waitpid(pid_, nullptr, WNOHANG) == 0; ++waited)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (::waitpid(pid_, nullptr, WNOHANG) == 0) {
      ADD_FAILURE() << "the far end outlived its channel";
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Result<std::size_t> write(std::string_view bytes) override {
    if (!*alive_) return gone();
    if (faults_.frozen) return 0;
    const ssize_t n = ::write(in_.get(), bytes.data(), bytes.size());
    if (n < 0) return errno == EAGAIN ? Result<std::size_t>(0) : gone();
    if (static_cast<std::size_t>(n) == bytes.size()) {
      ++faults_.writes;
      if (!heard_) ++faults_.writes_unheard;
    }
    return static_cast<std::size_t>(n);
  }
  Result<bool> read(std::string& out, std::string& err) override {
    if (!*alive_) return gone();
    if (faults_.frozen) return false;
    const bool a = drain(out_, out);
    const bool b = drain(err_, err);
    heard_ = heard_ || a || b;
    return a || b;
  }
  [[nodiscard]] bool ended() const override { return !out_ && !err_; }
  void poll_set(std::vector<pollfd>& set, bool writing) const {
    if (faults_.frozen) return;
    if (writing) set.push_back({in_.get(), POLLOUT, 0});
    if (out_) set.push_back({out_.get(), POLLIN, 0});
    if (err_) set.push_back({err_.get(), POLLIN, 0});
  }

 private:
  bool heard_ = false;
  static tl::unexpected<Error> gone() {
    return fail(Code::node_unreachable, "the connection is gone", {}, true);
  }
  static bool drain(Fd& from, std::string& to) {
    char buffer[65536];
    bool any = false;
    for (;;) {
      const ssize_t n = from ? ::read(from.get(), buffer, sizeof buffer) : -1;
      if (n == 0) {
        from.reset();
        return true;
      }
      if (n < 0) return any;
      to.append(buffer, static_cast<std::size_t>(n));
      any = true;
    }
  }

  Faults& faults_;
  std::shared_ptr<std::atomic<bool>> alive_;
  Fd in_, out_, err_;
  pid_t pid_ = 0;
};

class ProcessWire final : public Wire {
 public:
  explicit ProcessWire(Faults& faults) : faults_(faults) {
    ::signal(SIGPIPE, SIG_IGN);  // a pipe of a far end that died; a real wire is a socket
  }
  ~ProcessWire() override { *alive_ = false; }
  Result<> connect(Clock::time_point, const Stopping&) override {
    ++faults_.connects;
    if (faults_.not_authentic) return fail(Code::node_unreachable, "no key is accepted");
    if (faults_.refused) return fail(Code::node_unreachable, "connection refused", {}, true);
    faults_.cut = false;
    return {};
  }
  Result<std::unique_ptr<Channel>> open(std::string_view command, Clock::time_point,
                                        const Stopping&) override {
    if (faults_.cut) return fail(Code::node_unreachable, "the connection is gone", {}, true);
    std::erase_if(channels_, [](const auto& channel) { return channel.expired(); });
    if (channels_.size() >= faults_.most_channels) return fail(Code::resource_conflict, "no more channels");
    ++faults_.opens;
    // Counted by an alias: the caller owns the channel alone.
    std::string started(command);
    if (!faults_.far_shell.empty()) started.replace(started.find("/bin/sh"), 7, faults_.far_shell);
    auto channel = std::make_unique<Counted>(faults_, alive_, started);
    channels_.push_back(channel->inner);
    return std::unique_ptr<Channel>(std::move(channel));
  }
  void poll_set(std::vector<pollfd>& set, bool writing) const override {
    for (const auto& weak : channels_) {
      if (const auto channel = weak.lock()) channel->poll_set(set, writing);
    }
  }
  [[nodiscard]] std::string login() const override { return "this process"; }
  Result<> alive() override {
    if (faults_.cut) *alive_ = false;
    if (!*alive_) return fail(Code::node_unreachable, "the connection is gone", {}, true);
    return {};
  }

 private:
  struct Counted final : Channel {
    Counted(Faults& faults, std::shared_ptr<std::atomic<bool>> alive, const std::string& command)
        : inner(std::make_shared<ProcessChannel>(faults, std::move(alive), command)) {}
    Result<std::size_t> write(std::string_view bytes) override { return inner->write(bytes); }
    Result<bool> read(std::string& out, std::string& err) override { return inner->read(out, err); }
    [[nodiscard]] bool ended() const override { return inner->ended(); }
    std::shared_ptr<ProcessChannel> inner;
  };

  Faults& faults_;
  std::shared_ptr<std::atomic<bool>> alive_ = std::make_shared<std::atomic<bool>>(true);
  std::vector<std::weak_ptr<ProcessChannel>> channels_;
};

// How a host may be: its users' login shell, its /bin/sh, and whose tools are in PATH.
struct Manner {
  std::string name;
  std::vector<std::string> login_shell;
  std::string far_shell;  // empty: /bin/sh
  bool busybox_only = false;
};

inline std::vector<Manner> manners() {
  return {{"dash", {"/bin/dash"}, "/bin/dash"},
          {"bash", {"/bin/bash"}, "/bin/bash --posix"},
          {"fish", {"/usr/bin/fish"}, ""},
          {"tcsh", {"/usr/bin/tcsh"}, ""},
          {"busybox", {"/bin/busybox", "sh"}, "/bin/busybox sh", true}};
}

// A folder with the tools of busybox under their names, and nothing else.
inline fs::path busybox_tools(const fs::path& folder) {
  fs::create_directories(folder);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl("/bin/busybox", "busybox", "--install", "-s", folder.c_str(), nullptr);
    ::_exit(1);
  }
  ::waitpid(pid, nullptr, 0);
  return folder;
}

// Sets it up; why it cannot be had here, or nothing.
inline std::string take_manner(Faults& faults, const Manner& manner, const fs::path& folder) {
  const std::string shell = manner.login_shell.front();
  if (!fs::exists(shell)) return shell + " is not installed";
  faults.login_shell = manner.login_shell;
  faults.far_shell = manner.far_shell;
  if (manner.busybox_only) faults.environment.push_back("PATH=" + busybox_tools(folder).string());
  return {};
}

}  // namespace grid::ssh::testing
