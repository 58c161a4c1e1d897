#include "apps/grid/copy_logs.hpp"

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include <fmt/format.h>

#include "apps/grid/output.hpp"

namespace grid::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// One stream on its way to one descriptor.
class LogCopy {
 public:
  LogCopy(std::string name, int to, bool safe) : name_(std::move(name)), to_(to), safe_(safe) {}

  [[nodiscard]] bool open() const { return stream_.has_value(); }
  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] int fd() const { return stream_->fd(); }

  Result<> connect(ApiClient& client, const LogsWanted& wanted) {
    auto stream = client.open(fmt::format("/v1/executions/{}/logs?stream={}&offset={}{}", url_part(wanted.id),
                                          name_, offset_, wanted.follow ? "&follow=1" : ""));
    if (!stream) return fail(stream.error());
    if (const auto first = stream->offset(); first && *first > offset_) {
      (void)write_all(STDERR_FILENO,
                      fmt::format("[{} bytes of {} were not kept]\n", *first - offset_, name_));
      offset_ = *first;
    }
    stream_ = std::move(*stream);
    const auto some = copy();  // what came along with the answer's header: the descriptor says nothing of it
    return some ? Result<>() : fail(some.error());
  }

  // What has come. True: something did.
  Result<bool> copy() {
    bytes_.clear();
    const auto more = stream_->read(bytes_);
    offset_ += bytes_.size();
    const bool some = !bytes_.empty();
    if (auto written = write_all(to_, safe_ ? text_.pass(bytes_) : bytes_); !written)
      return fail(written.error());
    if (!more) {
      stream_.reset();
      return fail(more.error());
    }
    if (!*more) {
      stream_.reset();
      complete_ = true;
      if (auto written = write_all(to_, text_.finish()); !written) return fail(written.error());
    }
    return some;
  }

 private:
  std::string name_;
  int to_;
  bool safe_;
  std::optional<ApiStream> stream_;
  std::uint64_t offset_ = 0;
  bool complete_ = false;
  SafeText text_;
  std::string bytes_;
};

}  // namespace

Result<bool> copy_logs(Context& context, const LogsWanted& wanted, const Signals* signals,
                       const std::function<bool(int)>& on_signal, const std::function<void()>& on_quiet) {
  constexpr auto patience = 30s;  // for a daemon that leaves again and again
  std::vector<LogCopy> copies;
  if (wanted.out) copies.emplace_back("stdout", STDOUT_FILENO, context.terminal.out_tty);
  if (wanted.err) copies.emplace_back("stderr", STDERR_FILENO, context.terminal.err_tty);
  bool quiet_told = !on_quiet;
  auto give_up = Clock::now() + patience;
  while (true) {
    std::vector<pollfd> entries{{signals != nullptr ? signals->fd() : -1, POLLIN, 0}};
    std::vector<LogCopy*> open;
    Result<> trouble;
    for (LogCopy& copy : copies) {
      if (copy.complete()) continue;
      if (!copy.open()) {
        auto client = context.daemon();
        trouble = client ? copy.connect(*client, wanted) : Result<>(fail(client.error()));
        if (!trouble) break;
        if (copy.complete()) continue;
      }
      entries.push_back({copy.fd(), POLLIN, 0});
      open.push_back(&copy);
    }
    if (!trouble && !(wanted.follow && trouble.error().retryable && Clock::now() < give_up))
      return fail(trouble.error());
    if (trouble && open.empty()) return true;

    const int timeout = !trouble ? 100 : quiet_told ? -1 : 1000;
    const int ready = ::poll(entries.data(), entries.size(), timeout);
    if (ready == 0 && trouble && !quiet_told) {
      quiet_told = true;
      on_quiet();
    }
    if (ready <= 0) continue;
    if (signals != nullptr && entries[0].revents != 0)
      for (int signal = signals->take(); signal != 0; signal = signals->take())
        if (!on_signal(signal)) return false;
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (entries[i + 1].revents == 0) continue;
      const auto some = open[i]->copy();
      if (!some && !(wanted.follow && some.error().retryable)) return fail(some.error());
      if (some && *some) {
        quiet_told = true;
        give_up = Clock::now() + patience;
      }
    }
  }
}

}  // namespace grid::cli
