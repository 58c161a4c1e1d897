#include "core/move/guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include "core/base/files.hpp"

namespace grid {

namespace {

using std::chrono::milliseconds;

constexpr int guard_descriptor = 3;

std::string member_line(ProcessId id) {
  return "member " + std::to_string(id.pid) + ' ' + std::to_string(id.start_ticks) + '\n';
}

// Everything posix_spawn wants to have undone afterwards.
struct Spawn {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  Spawn() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  ~Spawn() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

Result<pid_t> spawn_guard(const std::string& shim, const std::string& report, int socket) {
  Spawn spawn;
  for (int fd = 0; fd < guard_descriptor; ++fd)
    posix_spawn_file_actions_addopen(&spawn.actions, fd, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&spawn.actions, socket, guard_descriptor);
  posix_spawn_file_actions_addclosefrom_np(&spawn.actions, guard_descriptor + 1);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&spawn.attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&spawn.attributes, &signals);
  posix_spawnattr_setflags(&spawn.attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::string program = shim;
  std::string verb = "guard";
  std::string file = report;
  std::array<char*, 4> arguments{program.data(), verb.data(), file.data(), nullptr};
  std::array<char*, 1> environment{
      nullptr};  // nothing of the daemon's: a cookie in it would make the guard a task
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, shim.c_str(), &spawn.actions, &spawn.attributes, arguments.data(),
                                  environment.data());
  if (error == 0) return pid;
  return fail(error == ENOENT ? Code::program_not_found : Code::cannot_run,
              "cannot start the guard " + shim + ": " + errno_text(error), "is grid installed completely?");
}

}  // namespace

Result<Guard> Guard::start(const std::filesystem::path& shim, const std::filesystem::path& report,
                           const std::vector<ProcessId>& members, milliseconds deadline) {
  // A socket, for writing to a dead guard must be an error here and no SIGPIPE. CLOEXEC from its birth: in
  // another child of this process a copy of our end would keep the guard asleep.
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(Code::internal, "cannot make a socket for the guard: " + errno_text(errno));
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  auto pid = spawn_guard(shim.string(), std::filesystem::absolute(report).string(), theirs.get());
  if (!pid) return fail(std::move(pid.error()));
  theirs.reset();
  Guard guard(*pid, std::move(ours));

  std::string lines;
  for (const ProcessId id : members) lines += member_line(id);
  if (auto said = guard.say(lines + "armed\n"); !said) return fail(std::move(said.error()));
  pollfd wait{guard.socket_.get(), POLLIN, 0};
  const auto until = std::chrono::steady_clock::now() + deadline;
  int ready = -1;
  do {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    ready = ::poll(&wait, 1, std::max(0, static_cast<int>(left.count())));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0)
    return fail(Code::timed_out,
                "the guard was not ready within " + std::to_string(deadline.count()) + " ms");
  std::array<char, 16> answer;
  const ssize_t size = ::recv(guard.socket_.get(), answer.data(), answer.size(), 0);
  if (size <= 0 || std::string_view(answer.data(), static_cast<std::size_t>(size)) != "ready\n")
    return fail(Code::internal, "the guard ended before it was ready");
  return guard;
}

Guard::Guard(Guard&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)) {}

Guard& Guard::operator=(Guard&& other) noexcept {
  if (this != &other) {
    leave();
    pid_ = std::exchange(other.pid_, -1);
    socket_ = std::move(other.socket_);
  }
  return *this;
}

Guard::~Guard() { leave(); }

void Guard::leave() {
  socket_.reset();
  reap(std::chrono::seconds(5));
}

Result<> Guard::say(const std::string& line) {
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t put = ::send(socket_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(Code::internal, "the guard is gone: " + errno_text(errno));
    sent += static_cast<std::size_t>(put);
  }
  return {};
}

Result<> Guard::add(ProcessId member) { return say(member_line(member)); }

Result<> Guard::disarm() {
  auto said = say("disarm\n");
  socket_.reset();
  if (!reap(std::chrono::seconds(5)) && said)
    return fail(Code::timed_out, "the guard was disarmed and did not leave");
  return said;
}

bool Guard::reap(milliseconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (pid_ > 0) {
    const pid_t ended = ::waitpid(pid_, nullptr, WNOHANG);
    if (ended == pid_ || (ended < 0 && errno != EINTR))
      pid_ = -1;  // ECHILD: somebody else has reaped it
    else if (std::chrono::steady_clock::now() >= until)
      return false;
    else
      std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

}  // namespace grid
