#include "child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace grid::ssh {
namespace {

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : std::string();
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const auto colon = std::min(rest.find(':'), rest.size());
    std::string file(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
    if (file.empty()) continue;
    file.append("/").append(name);
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

std::vector<char*> c_strings(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& each : strings) out.push_back(each.data());
  out.push_back(nullptr);
  return out;
}

std::vector<char*> environment() {
  std::vector<char*> out;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view entry(*each);
    if (!entry.starts_with("LC_") && !entry.starts_with("LANG=") && !entry.starts_with("LANGUAGE=") &&
        !entry.starts_with("SSH_ASKPASS_REQUIRE="))
      out.push_back(*each);
  }
  static char never[] = "SSH_ASKPASS_REQUIRE=never";
  out.push_back(never);
  out.push_back(nullptr);
  return out;
}

// Between fork and exec: nothing here may take a lock or memory.
[[noreturn]] void become(const char* file, char* const* argv, char* const* envp, std::array<int, 3> streams,
                         pid_t parent) {
  ::setsid();  // a group of its own, and no terminal to ask a person on
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // First out of the way of 0, 1 and 2, so that no dup2 overwrites a stream still needed.
  for (int& stream : streams) {
    stream = stream >= 0 ? ::fcntl(stream, F_DUPFD_CLOEXEC, 3) : ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (stream >= 0 && stream < 3) stream = ::fcntl(stream, F_DUPFD_CLOEXEC, 3);
    if (stream < 0) ::_exit(127);
  }
  for (int target = 0; target < 3; ++target) ::dup2(streams[static_cast<std::size_t>(target)], target);
  ::execve(file, argv, envp);
  ::_exit(127);
}

int plain_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

// By fork, not by posix_spawn, which cannot set the signal at the parent's death.
Result<Child> Child::start(std::vector<std::string> argv, Streams streams) {
  const std::string file = find_program(argv.front());
  if (file.empty())
    return fail(Code::program_not_found, "there is no program '" + argv.front() + "' on this machine",
                argv.front() == "ssh" ? "install OpenSSH's client (Debian: apt install openssh-client)" : "");
  const auto args = c_strings(argv);
  const auto envp = environment();
  const pid_t parent = ::getpid();
  Child child;
  child.pid_ = ::fork();
  if (child.pid_ == 0)
    become(file.c_str(), args.data(), envp.data(), {streams.in, streams.out, streams.err}, parent);
  if (child.pid_ < 0) {
    child.pid_ = 0;
    return fail(Code::internal, "cannot start '" + argv.front() + "': " + std::strerror(errno), {}, true);
  }
  child.pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
  if (!child.pidfd_)
    return fail(Code::internal, std::string("cannot hold a process by pidfd: ") + std::strerror(errno), {},
                true);
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), pidfd_(std::move(other.pidfd_)), status_(other.status_) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    end(std::chrono::milliseconds(0));
    pid_ = std::exchange(other.pid_, 0);
    pidfd_ = std::move(other.pidfd_);
    status_ = other.status_;
  }
  return *this;
}

std::optional<int> Child::status() {
  if (pid_ <= 0 || status_) return status_;
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
    return std::nullopt;
  // What it left in its group goes too, while its number is still taken by the zombie.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = plain_status(status);
  return status_;
}

void Child::end(std::chrono::milliseconds patience) {
  if (pid_ <= 0) return;
  if (!status() && patience.count() > 0) {
    ::kill(-pid_, SIGTERM);
    ::kill(pid_, SIGTERM);  // in case it leads no group yet
    pollfd ended{pidfd_.get(), POLLIN, 0};
    while (::poll(&ended, 1, static_cast<int>(patience.count())) < 0 && errno == EINTR) {
    }
  }
  if (!status()) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = plain_status(status);
  }
  pid_ = 0;
  pidfd_.reset();
}

int poll_ms(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 100));
}

Result<Finished> run(std::vector<std::string> argv, Clock::time_point deadline, const Stopping& stopping) {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0)
    return fail(Code::internal, std::string("no pipe: ") + std::strerror(errno), {}, true);
  Fd from_out(out[0]);
  Fd to_out(out[1]);
  if (::pipe2(err.data(), O_CLOEXEC) != 0)
    return fail(Code::internal, std::string("no pipe: ") + std::strerror(errno), {}, true);
  Fd from_err(err[0]);
  Fd to_err(err[1]);
  const std::string name = argv.front();
  auto child = Child::start(std::move(argv), {.in = -1, .out = to_out.get(), .err = to_err.get()});
  if (!child) return fail(child.error());
  to_out.reset();
  to_err.reset();

  Finished finished;
  const auto take = [](Fd& from, short events, std::string& into) {
    if (events == 0) return;
    std::array<char, 16384> bytes;
    const ssize_t got = ::read(from.get(), bytes.data(), bytes.size());
    if (got > 0 && into.size() < (1U << 20U))
      into.append(bytes.data(), static_cast<std::size_t>(got));
    else if (got == 0 || (got < 0 && errno != EINTR))
      from.reset();
  };
  while (true) {
    if (stopping.load()) return fail(Code::cancelled, "'" + name + "' was given up on request");
    if (Clock::now() >= deadline)
      return fail(Code::timed_out, "'" + name + "' did not end in time", {}, true);
    // A grandchild may hold the pipes: the end of the program is what counts.
    std::array<pollfd, 3> set{{{child->pidfd(), POLLIN, 0},
                               {from_out ? from_out.get() : -1, POLLIN, 0},
                               {from_err ? from_err.get() : -1, POLLIN, 0}}};
    if (::poll(set.data(), set.size(), poll_ms(deadline)) < 0) continue;
    take(from_out, set[1].revents, finished.out);
    take(from_err, set[2].revents, finished.err);
    if (set[0].revents != 0 && set[1].revents == 0 && set[2].revents == 0) break;
  }
  finished.status = child->status().value_or(255);
  return finished;
}

}  // namespace grid::ssh
