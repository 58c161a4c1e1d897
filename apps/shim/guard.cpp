// `grid-shim guard REPORT`: continues a paused tree when the daemon that paused it dies. See
// core/move/guard.hpp.
#include "apps/shim/guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/move/guard.hpp"
#include "core/move/tree.hpp"

namespace grid::shim {

namespace {

constexpr int daemon_socket = 3;

// What the daemon said so far, and the tree as far as it said so.
class Watch {
 public:
  enum class End { none, disarmed, broken };

  End take(std::string_view bytes) {
    pending_ += bytes;
    for (std::size_t end = 0; (end = pending_.find('\n')) != std::string::npos; pending_.erase(0, end + 1)) {
      const std::string_view line = std::string_view(pending_).substr(0, end);
      if (line == "disarm") return End::disarmed;
      if (line == "armed") {
        if (::send(daemon_socket, "ready\n", 6, MSG_NOSIGNAL) != 6) return End::broken;
      } else if (!add(line)) {
        return End::broken;
      }
    }
    return End::none;
  }
  [[nodiscard]] std::optional<ProcessTree>& tree() { return tree_; }

 private:
  bool add(std::string_view line) {
    constexpr std::string_view word = "member ";
    if (!line.starts_with(word)) return false;
    line.remove_prefix(word.size());
    const char* const end = line.data() + line.size();
    ProcessId id;
    const auto pid = std::from_chars(line.data(), end, id.pid);
    if (pid.ec != std::errc() || pid.ptr == end || *pid.ptr != ' ') return false;
    const auto ticks = std::from_chars(pid.ptr + 1, end, id.start_ticks);
    if (ticks.ec != std::errc() || ticks.ptr != end) return false;
    if (tree_) {
      tree_->hold(id);
      return true;
    }
    auto tree = ProcessTree::reopen({id});
    if (tree) tree_.emplace(std::move(*tree));
    return tree_.has_value();
  }

  std::string pending_;
  std::optional<ProcessTree> tree_;
};

// Tries for a minute: whoever can be continued is at once, and what cannot is named in the report.
int continue_tree(ProcessTree& tree, const std::string& report) {
  GuardReport line{0, tree.root(), {}, ""};
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  for (;;) {
    const std::vector<ProcessId> stopped = tree.state().stopped;
    auto resumed = tree.resume();
    line.continued.insert(line.continued.end(), resumed ? resumed->begin() : stopped.begin(),
                          resumed ? resumed->end() : stopped.end());
    line.problem = resumed ? "" : resumed.error().message;
    if (resumed || std::chrono::steady_clock::now() >= until) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  line.unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return append_guard_report(report, line) && line.problem.empty() ? 0 : 1;
}

}  // namespace

int guard_main(int argc, char** argv) {
  if (argc != 2 || ::fcntl(daemon_socket, F_GETFD) < 0) return 2;  // started by the daemon only
  (void)::chdir("/");
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;  // a descriptor for each member
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  for (const int number : {SIGINT, SIGHUP, SIGPIPE, SIGQUIT, SIGTTOU, SIGTTIN, SIGTSTP})
    ::signal(number, SIG_IGN);
  // TERM: told to go, so the tree must go on first.
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  const Fd told(::signalfd(-1, &term, SFD_CLOEXEC));

  Watch watch;
  for (;;) {
    std::array<pollfd, 2> wait{{{daemon_socket, POLLIN, 0}, {told.get(), POLLIN, 0}}};
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno == EINTR) continue;
    if (wait[1].revents != 0) break;
    std::array<char, 4096> buffer;
    const ssize_t size = ::recv(daemon_socket, buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;  // the daemon is gone, whatever the reason
    const auto end = watch.take({buffer.data(), static_cast<std::size_t>(size)});
    if (end == Watch::End::disarmed) return 0;
    if (end == Watch::End::broken) break;
  }
  return watch.tree() ? continue_tree(*watch.tree(), argv[1]) : 0;
}

}  // namespace grid::shim
