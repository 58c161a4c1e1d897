#include "openssh_wire.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <list>
#include <optional>

#include "child.hpp"
#include "failures.hpp"
#include "mux.hpp"
#include "openssh_log.hpp"
#include "proxy.hpp"

namespace grid::ssh {
namespace {

constexpr std::size_t most_at_once = 1U << 20U;

// For the control socket: ours alone, with a short name, because a socket's path is limited to 108 bytes.
class SocketFolder {
 public:
  SocketFolder() {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    const std::string_view base = runtime != nullptr ? runtime : "";
    const bool fit =
        base.starts_with('/') && base.size() < 50 &&
        base.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.-") ==
            std::string_view::npos;
    for (const std::string_view each : {fit ? base : std::string_view("/tmp"), std::string_view("/tmp")}) {
      std::string pattern = std::string(each) + "/grid-ssh-XXXXXX";
      if (::mkdtemp(pattern.data()) == nullptr) continue;
      path_ = pattern;
      return;
    }
  }
  ~SocketFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

// The ssh process and its sessions. [one thread]
class Master {
 public:
  struct Line {
    MuxSession session;
    Fd in;
    Fd out;
    Fd err;
    bool blocked = false;
    bool ended = false;
  };

  explicit Master(Destination to) : to_(std::move(to)) {}
  ~Master() { process_.end(std::chrono::milliseconds(300)); }
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  Result<std::string> start(Clock::time_point deadline, const Stopping& stopping) {
    if (folder_.path().empty())
      return fail(Code::storage_failed,
                  std::string("no folder for ssh's control socket: ") + std::strerror(errno));
    const Fd notify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    ::inotify_add_watch(notify.get(), folder_.path().c_str(), IN_CREATE | IN_MOVED_TO);
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(deadline - Clock::now());
    std::vector<std::string> argv{"ssh", "-N", "-T", "-M", "-S", socket()};
    for (std::string& option : strict_options()) argv.push_back(std::move(option));
    auto timeout = std::max(seconds, std::chrono::seconds(1));
    if (to_.connect_timeout) timeout = std::min(timeout, *to_.connect_timeout);
    argv.insert(argv.end(), {"-o", "ConnectTimeout=" + std::to_string(timeout.count())});
    argv.insert(argv.end(), to_.arguments.begin(), to_.arguments.end());
    auto child = Child::start(std::move(argv), {.in = -1, .out = -1, .err = complaints_.get()});
    if (!child) return fail(child.error());
    process_ = std::move(*child);
    while (!mux_listening(socket())) {
      if (process_.status()) return fail(connection_error(to_, complaints_.text(), deadline, stopping));
      if (stopping.load()) return fail(given_up(to_));
      if (Clock::now() >= deadline) {
        const bool connected = complaints_.text().find("Connection established") != std::string::npos;
        return fail(connected ? silent_after_connect(to_) : silent(to_));
      }
      std::array<pollfd, 2> set{{{process_.pidfd(), POLLIN, 0}, {notify.get(), POLLIN, 0}}};
      ::poll(set.data(), set.size(), poll_ms(deadline));
      std::array<char, 4096> events;
      (void)!::read(notify.get(), events.data(), events.size());
    }
    return accepted_login(complaints_.text());
  }

  Result<> alive() {
    if (closed_) return fail(Code::cancelled, "the connection was closed");
    if (process_.status()) return fail(connection_lost(to_, last_words(complaints_.text())));
    return {};
  }

  Result<std::shared_ptr<Line>> open(std::string_view command, Clock::time_point deadline,
                                     const Stopping& stopping) {
    if (auto here = alive(); !here) return fail(here.error());
    complaints_.trim();
    auto line = std::make_shared<Line>();
    std::array<int, 2> in{-1, -1};  // a socket, for writing to it raises no SIGPIPE
    std::array<int, 2> out{-1, -1};
    std::array<int, 2> err{-1, -1};
    const bool made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in.data()) == 0 &&
                      ::pipe2(out.data(), O_CLOEXEC) == 0 && ::pipe2(err.data(), O_CLOEXEC) == 0;
    const int failure = errno;
    line->in = Fd(in[0]);
    line->out = Fd(out[0]);
    line->err = Fd(err[0]);
    const Fd far_in(in[1]);
    const Fd far_out(out[1]);
    const Fd far_err(err[1]);
    if (!made) return fail(Code::internal, std::string("no pipes: ") + std::strerror(failure), {}, true);
    for (const int fd : {line->in.get(), line->out.get(), line->err.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    auto session =
        mux_open(socket(), command, {far_in.get(), far_out.get(), far_err.get()}, deadline, stopping);
    if (!session) {
      if (session.error().code == Code::resource_conflict) return fail(too_many_channels(to_));
      if (session.error().code == Code::cancelled) return fail(given_up(to_));
      if (session.error().code == Code::timed_out) return fail(silent(to_));
      return fail(alive() ? connection_lost(to_, session.error().message) : alive().error());
    }
    line->session = std::move(*session);
    lines_.push_back(line);
    return line;
  }

  Result<std::size_t> write(Line& line, std::string_view bytes) {
    if (bytes.empty()) return std::size_t{0};
    const ssize_t sent = ::send(line.in.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    line.blocked = sent < 0 && (errno == EAGAIN || errno == EINTR);
    if (line.blocked) return std::size_t{0};
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (auto here = alive(); !here) return fail(here.error());
    return fail(Code::node_unreachable, to_.where() + " closed the channel", {}, true);
  }

  Result<bool> read(Line& line, std::string& out, std::string& err) {
    if (line.ended) return false;
    const bool any = take(line.out, out) | take(line.err, err);
    const bool over = mux_over(line.session);
    if (any || line.out || line.err || !over) return any;
    // All closed: by the host, or because the connection broke? A master that still listens has its
    // connection; one that lost it stops listening before it closes the streams.
    if (!mux_listening(socket())) {
      if (auto here = alive(); !here) return fail(here.error());
      return fail(connection_lost(to_, last_words(complaints_.text())));
    }
    line.ended = true;
    return false;
  }

  void close(const std::shared_ptr<Line>& line) { lines_.remove(line); }

  void poll_set(std::vector<pollfd>& set, bool writing) const {
    if (process_) set.push_back({process_.pidfd(), POLLIN, 0});
    const bool blocked =
        std::any_of(lines_.begin(), lines_.end(), [](const auto& line) { return line->blocked; });
    for (const auto& line : lines_) {
      for (const Fd* each : {&line->out, &line->err, &line->session.control}) {
        if (*each) set.push_back({each->get(), POLLIN, 0});
      }
      if (writing && line->in && (line->blocked || !blocked)) set.push_back({line->in.get(), POLLOUT, 0});
    }
  }

  void shut() {
    closed_ = true;
    process_.end(std::chrono::milliseconds(300));
  }

 private:
  [[nodiscard]] std::string socket() const { return folder_.path() + "/m"; }

  static bool take(Fd& from, std::string& into) {
    bool any = false;
    std::array<char, 65536> bytes;
    for (std::size_t taken = 0; from && taken < most_at_once;) {
      const ssize_t n = ::read(from.get(), bytes.data(), bytes.size());
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (n <= 0) {
        from.reset();
        break;
      }
      into.append(bytes.data(), static_cast<std::size_t>(n));
      taken += static_cast<std::size_t>(n);
      any = true;
    }
    return any;
  }

  Destination to_;
  SocketFolder folder_;
  Complaints complaints_;
  Child process_;
  std::list<std::shared_ptr<Line>> lines_;
  bool closed_ = false;
};

namespace {

class OpensshChannel final : public Channel {
 public:
  OpensshChannel(std::shared_ptr<Master> master, std::shared_ptr<Master::Line> line)
      : master_(std::move(master)), line_(std::move(line)) {}
  ~OpensshChannel() override { master_->close(line_); }
  OpensshChannel(const OpensshChannel&) = delete;
  OpensshChannel& operator=(const OpensshChannel&) = delete;
  Result<std::size_t> write(std::string_view bytes) override { return master_->write(*line_, bytes); }
  Result<bool> read(std::string& out, std::string& err) override { return master_->read(*line_, out, err); }
  [[nodiscard]] bool ended() const override { return line_->ended; }

 private:
  std::shared_ptr<Master> master_;
  std::shared_ptr<Master::Line> line_;
};

}  // namespace

OpensshWire::OpensshWire(std::string address, Setup setup)
    : address_(std::move(address)), setup_(std::move(setup)) {}

OpensshWire::~OpensshWire() {
  if (master_) master_->shut();
}

Result<> OpensshWire::connect(Clock::time_point deadline, const Stopping& stopping) {
  auto to = resolve(address_, setup_, deadline, stopping);
  if (!to) return fail(to.error());
  auto master = std::make_shared<Master>(std::move(*to));
  auto login = master->start(deadline, stopping);
  if (!login) return fail(login.error());
  login_ = std::move(*login);
  master_ = std::move(master);
  return {};
}

Result<std::unique_ptr<Channel>> OpensshWire::open(std::string_view command, Clock::time_point deadline,
                                                   const Stopping& stopping) {
  if (!master_) return fail(Code::internal, "a channel was asked for before the connection");
  auto line = master_->open(command, deadline, stopping);
  if (!line) return fail(line.error());
  return std::make_unique<OpensshChannel>(master_, std::move(*line));
}

void OpensshWire::poll_set(std::vector<pollfd>& set, bool writing) const {
  if (master_) master_->poll_set(set, writing);
}

Result<> OpensshWire::alive() {
  if (!master_) return fail(Code::internal, "there is no connection yet");
  return master_->alive();
}

}  // namespace grid::ssh
