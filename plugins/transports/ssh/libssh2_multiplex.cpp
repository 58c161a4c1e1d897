#include "libssh2_multiplex.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>

#include "failures.hpp"

namespace grid::ssh {
namespace {

constexpr std::size_t window = 2U << 20U;
constexpr std::size_t packet = 32'768;
constexpr std::size_t largest_inbox = 4U << 20U;
constexpr int streams[] = {0, SSH_EXTENDED_DATA_STDERR};

unsigned long waiting(LIBSSH2_CHANNEL* channel) {
  unsigned long bytes = 0;
  ::libssh2_channel_window_read_ex(channel, &bytes, nullptr);
  return bytes;
}

}  // namespace

Multiplex::Multiplex(std::unique_ptr<Session> session)
    : session_(std::move(session)),
      bytes_(2 * packet, '\0'),
      ready_(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)) {}

bool Multiplex::full(const Line& line) { return line.out.size() + line.err.size() >= largest_inbox; }

void Multiplex::shut(Error why) {
  if (!broken_) broken_ = std::move(why);
  unfinished_ = nullptr;
  closed_.clear();
  for (const auto& line : lines_) line->raw = nullptr;
  lines_.clear();
  session_.reset();  // frees all channels
}

// After EAGAIN: true when the call stopped within a packet. Then only it may go on.
bool Multiplex::stopped_within(int code, std::function<int()> again) {
  if (code != LIBSSH2_ERROR_EAGAIN || !session_->half_sent()) return false;
  unfinished_ = std::move(again);
  return true;
}

bool Multiplex::finished() {
  if (!unfinished_) return true;
  const auto again = unfinished_;
  if (again() == LIBSSH2_ERROR_EAGAIN && session_->half_sent()) return false;
  unfinished_ = nullptr;
  return true;
}

Result<> Multiplex::finish(Clock::time_point deadline, const Stopping& stopping) {
  const auto done =
      session_->wait_for([this] { return finished() ? 0 : LIBSSH2_ERROR_EAGAIN; }, deadline, stopping);
  if (!done) return fail(done.error());
  return {};
}

Result<std::shared_ptr<Multiplex::Line>> Multiplex::open(std::string_view command, Clock::time_point deadline,
                                                         const Stopping& stopping) {
  settle();
  if (broken_) return fail(*broken_);
  // An open that is given up halfway would answer the next one: the connection goes with it.
  const auto give_up = [this](const Error& error) {
    broken_ = error;
    return fail(error);
  };
  if (auto through = finish(deadline, stopping); !through) return give_up(through.error());
  LIBSSH2_CHANNEL* raw = nullptr;
  const auto opened = session_->wait_for(
      [&] {
        raw = ::libssh2_channel_open_ex(session_->raw(), "session", 7, window, packet, nullptr, 0);
        return raw != nullptr ? 0 : ::libssh2_session_last_errno(session_->raw());
      },
      deadline, stopping);
  if (!opened) return give_up(opened.error());
  if (*opened == LIBSSH2_ERROR_CHANNEL_FAILURE) return fail(too_many_channels(session_->destination()));
  if (*opened != 0) return give_up(session_->lost());
  const auto started = session_->wait_for(
      [&] {
        return ::libssh2_channel_process_startup(raw, "exec", 4, command.data(),
                                                 static_cast<unsigned>(command.size()));
      },
      deadline, stopping);
  if (!started) return give_up(started.error());
  if (*started == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED) {
    closed_.push_back(raw);
    return fail(Code::node_unreachable, session_->destination().where() + " runs no commands for this user",
                "is a command forced, or the account's shell one that refuses?");
  }
  if (*started != 0) return give_up(session_->lost());
  auto line = std::make_shared<Line>();
  line->raw = raw;
  lines_.push_back(line);
  return line;
}

Result<std::size_t> Multiplex::write(const std::shared_ptr<Line>& line, std::string_view bytes) {
  if (broken_) return fail(*broken_);
  if (line->raw == nullptr || bytes.empty()) return std::size_t{0};
  if (!finished()) return std::size_t{0};
  if (broken_) return fail(*broken_);
  if (line->sent > 0) return std::min(std::exchange(line->sent, 0), bytes.size());
  bytes = bytes.substr(0, packet);
  const auto sent = ::libssh2_channel_write_ex(line->raw, 0, bytes.data(), bytes.size());
  if (sent > 0) {
    line->starved = false;
    return static_cast<std::size_t>(sent);
  }
  if (sent == 0 || sent == LIBSSH2_ERROR_EAGAIN) {
    line->starved = !session_->half_sent();
    if (line->starved) return std::size_t{0};
    line->half_sent = bytes;
    stopped_within(static_cast<int>(sent), [this, line] {
      const auto again =
          ::libssh2_channel_write_ex(line->raw, 0, line->half_sent.data(), line->half_sent.size());
      if (again > 0) line->sent = static_cast<std::size_t>(again);
      if (again < 0 && again != LIBSSH2_ERROR_EAGAIN) broken_ = session_->lost();
      return static_cast<int>(again);
    });
    return std::size_t{0};
  }
  if (sent == LIBSSH2_ERROR_CHANNEL_CLOSED || sent == LIBSSH2_ERROR_CHANNEL_EOF_SENT)
    return fail(Code::node_unreachable, session_->destination().where() + " closed the channel", {}, true);
  broken_ = session_->lost();
  return fail(*broken_);
}

void Multiplex::close(const std::shared_ptr<Line>& line) {
  lines_.remove(line);
  if (line->raw == nullptr || broken_) return;
  // Its unfinished packet, if there is one, holds the line until it is through.
  closed_.push_back(line->raw);
  settle();
}

void Multiplex::took(Line& line, int stream, ssize_t size) {
  if (size > 0) {
    (stream == 0 ? line.out : line.err).append(bytes_, 0, static_cast<std::size_t>(size));
    line.news = true;
  } else if (size < 0 && size != LIBSSH2_ERROR_EAGAIN && size != LIBSSH2_ERROR_CHANNEL_CLOSED) {
    broken_ = session_->lost();
  }
}

// One read: takes what is on the socket, for all channels, and this stream's next bytes.
void Multiplex::pull(const std::shared_ptr<Line>& line, int stream) {
  const auto read = [this, line, stream] {
    const auto size = ::libssh2_channel_read_ex(line->raw, stream, bytes_.data(), bytes_.size());
    took(*line, stream, size);
    return size == LIBSSH2_ERROR_EAGAIN ? LIBSSH2_ERROR_EAGAIN : 0;
  };
  stopped_within(read(), read);
}

void Multiplex::drain() {
  // The first read empties the socket; from then on it is a matter of the queues. What libssh2 counts as
  // waiting may be of a stream that does not exist: only what moves is a reason to go round again.
  bool moved = true;
  for (bool first = true; moved && !broken_ && !unfinished_; first = false) {
    moved = false;
    for (const auto& line : lines_) {
      if (full(*line) || !(first || waiting(line->raw) > 0)) continue;
      const auto before = line->out.size() + line->err.size();
      for (const int stream : streams) {
        pull(line, stream);
        if (broken_ || unfinished_) return;
      }
      moved = moved || first || line->out.size() + line->err.size() > before;
      first = false;
    }
  }
  for (const auto& line : lines_) {
    if (line->ended || ::libssh2_channel_eof(line->raw) != 1) continue;
    line->ended = true;
    line->news = true;
  }
}

void Multiplex::free_closed() {
  for (auto each = closed_.begin(); each != closed_.end() && !unfinished_ && !broken_;) {
    LIBSSH2_CHANNEL* raw = *each;
    const int code = ::libssh2_channel_free(raw);
    if (stopped_within(code, [this, raw] {
          const int freed = ::libssh2_channel_free(raw);
          if (freed != LIBSSH2_ERROR_EAGAIN) closed_.remove(raw);
          return freed;
        }))
      return;
    each = code == LIBSSH2_ERROR_EAGAIN ? std::next(each) : closed_.erase(each);
  }
}

// Without a channel nobody reads the socket: its end is all there is to see.
void Multiplex::look_for_hangup() {
  pollfd socket{session_->socket(), POLLRDHUP, 0};
  if (lines_.empty() && closed_.empty() && ::poll(&socket, 1, 0) > 0) broken_ = session_->lost();
}

void Multiplex::settle() {
  if (broken_ || !finished()) return;
  free_closed();
  if (!unfinished_ && !broken_) drain();
  if (!broken_) look_for_hangup();
}

void Multiplex::poll_set(std::vector<pollfd>& set, bool writing) {
  settle();
  const auto news = [](const auto& line) { return line->news; };
  if (broken_ || std::any_of(lines_.begin(), lines_.end(), news)) set.push_back({ready_.get(), POLLIN, 0});
  if (broken_) return;
  pollfd socket{session_->socket(), POLLRDHUP, 0};
  if (!unfinished_ && (!closed_.empty() || std::any_of(lines_.begin(), lines_.end(),
                                                       [](const auto& line) { return !full(*line); })))
    socket.events |= POLLIN;
  // A channel whose window is full waits for the host's leave to send, which comes in, and not for the
  // socket.
  const auto starved = [](const auto& line) {
    return line->starved && ::libssh2_channel_window_write_ex(line->raw, nullptr) == 0;
  };
  if (unfinished_ || (writing && std::none_of(lines_.begin(), lines_.end(), starved)))
    socket.events |= POLLOUT;
  set.push_back(socket);
}

}  // namespace grid::ssh
