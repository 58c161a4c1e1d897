// grid watch: the snapshot, drawn again as it comes
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"
#include "apps/grid/output.hpp"
#include "apps/grid/signals.hpp"

namespace grid::cli {
namespace {

// The alternate screen, without cursor and echo; the terminal is as before when this ends, and while we are
// stopped.
class Screen {
 public:
  Screen() { enter(); }
  ~Screen() { leave(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void stop_and_go_on() {
    leave();
    ::kill(0, SIGSTOP);
    enter();
  }

  static Result<> draw(std::string_view text) {
    winsize size{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    std::string out = "\x1b[H";
    for (int line = 0; line + 1 < std::max<int>(size.ws_row, 2) && !text.empty(); ++line) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      out.append(text.substr(0, end)).append("\x1b[K\r\n");
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return write_all(STDOUT_FILENO, out + "\x1b[J");
  }
  static std::uint32_t columns(std::uint32_t otherwise) {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
  }

 private:
  void enter() {
    keys_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (keys_) {
      termios raw = before_;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    (void)write_all(STDOUT_FILENO, "\x1b[?1049h\x1b[?25l");
  }
  void leave() {
    (void)write_all(STDOUT_FILENO, "\x1b[?25h\x1b[?1049l");
    if (keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

  termios before_{};
  bool keys_ = false;
};

class Watch {
 public:
  Watch(Context& context, bool screen) : context_(context), signals_({SIGTSTP, SIGWINCH}) {
    if (screen) screen_.emplace();
  }

  Result<int> run() {
    const auto interval_ms = static_cast<int>(*context_.arguments.number("interval") * 1000);
    const std::string target = fmt::format("/v1/snapshot?stream=1&interval_ms={}", interval_ms);
    bool connected = false;
    while (true) {
      auto client = context_.daemon();
      auto stream = client ? client->open(target) : Result<ApiStream>(fail(client.error()));
      if (!stream && (!connected || !stream.error().retryable)) return fail(stream.error());
      if (stream) {
        connected = true;
        auto left = copy(*stream);
        if (!left) return fail(left.error());
        if (*left) return 0;
      }
      if (auto told = banner("the daemon is gone; trying again"); !told) return fail(told.error());
      if (leaves(-1, 1000)) return 0;
    }
  }

 private:
  // True: the person leaves; false: the stream broke off.
  Result<bool> copy(ApiStream& stream) {
    std::string bytes;
    while (true) {
      const auto more = stream.read(bytes);
      // Only the newest whole picture counts on a screen; on paper each does.
      for (std::size_t end = bytes.find('\n'); end != std::string::npos; end = bytes.find('\n')) {
        const std::string line = bytes.substr(0, end);
        bytes.erase(0, end + 1);
        if (screen_ && bytes.find('\n') != std::string::npos) continue;
        if (auto drawn = picture(line); !drawn) return fail(drawn.error());
      }
      if (!more || !*more) return false;
      if (leaves(stream.fd(), -1)) return true;
    }
  }

  Result<> picture(const std::string& line) {
    if (context_.json()) return write_all(STDOUT_FILENO, line + "\n");
    auto snapshot = parse_json(line);
    if (!snapshot) return fail(snapshot.error());
    auto text = context_.rendered(
        *snapshot, screen_ ? Screen::columns(context_.terminal.columns) : context_.terminal.columns);
    if (!text) return fail(text.error());
    last_ = *text;
    return screen_ ? Screen::draw(*text) : write_all(STDOUT_FILENO, *text + "\n");
  }

  Result<> banner(const std::string& words) {
    if (screen_) return Screen::draw(words + "\n\n" + last_);
    context_.say(words);
    return {};
  }

  // Waits for `fd`; true where a key or a signal says to leave.
  bool leaves(int fd, int timeout_ms) {
    std::array<pollfd, 3> entries{
        {{signals_.fd(), POLLIN, 0}, {screen_ ? STDIN_FILENO : -1, POLLIN, 0}, {fd, POLLIN, 0}}};
    ::poll(entries.data(), entries.size(), timeout_ms);
    for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
      if (signal == SIGTSTP) {
        if (screen_)
          screen_->stop_and_go_on();
        else
          ::kill(0, SIGSTOP);
      } else if (signal == SIGWINCH) {
        if (screen_) (void)Screen::draw(last_);
      } else {
        return true;
      }
    }
    char key = 0;
    if (entries[1].revents != 0 && (::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
      return true;
    return false;
  }

  Context& context_;
  Signals signals_;
  std::optional<Screen> screen_;
  std::string last_;
};

}  // namespace

Result<int> watch(Context& context) {
  const Terminal& terminal = context.terminal;
  // Whatever can fail, fails before the screen is taken.
  if (auto client = context.daemon(); !client) return fail(client.error());
  return Watch(context, terminal.out_tty && terminal.in_tty && !terminal.dumb && !context.json()).run();
}

}  // namespace grid::cli
