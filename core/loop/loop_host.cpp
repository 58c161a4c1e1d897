#include "core/loop/loop_host.hpp"

#include <atomic>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "core/base/log.hpp"
#include "core/base/text.hpp"

namespace grid {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Watches a descriptor that somebody else owns: it is released, never closed.
class Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(asio::io_context& context, int fd, std::function<void()> ready)
      : descriptor_(context, fd), ready_(std::move(ready)) {}
  void arm() {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](error_code error) {
                             if (error || self->ended_) return;
                             const auto keep = self;  // `ready_` may destroy the handle
                             self->ready_();
                             if (!self->ended_) self->arm();
                           });
  }
  void end() {
    ended_ = true;
    static_cast<void>(descriptor_.release());
  }

 private:
  asio::posix::stream_descriptor descriptor_;
  std::function<void()> ready_;
  bool ended_ = false;
};

class WatchHandle : public Host::Handle {
 public:
  explicit WatchHandle(std::shared_ptr<Watch> watch) : watch_(std::move(watch)) {}
  ~WatchHandle() override { watch_->end(); }

 private:
  std::shared_ptr<Watch> watch_;
};

struct Timer {
  explicit Timer(asio::io_context& context) : timer(context) {}
  asio::steady_timer timer;
  bool ended = false;
};

class TimerHandle : public Host::Handle {
 public:
  explicit TimerHandle(std::shared_ptr<Timer> timer) : timer_(std::move(timer)) {}
  ~TimerHandle() override {
    timer_->ended = true;
    timer_->timer.cancel();
  }

 private:
  std::shared_ptr<Timer> timer_;
};

}  // namespace

struct LoopHost::Impl {
  explicit Impl(std::filesystem::path root, std::size_t threads)
      : file_root(std::move(root)), guard(context.get_executor()), pool(threads) {}
  std::filesystem::path file_root;
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard;
  asio::thread_pool pool;
  std::unique_ptr<asio::signal_set> signals;
  std::function<void(int)> on_signal;
  std::atomic<bool> stopped{false};

  void await_signal() {
    signals->async_wait([this](error_code error, int signal) {
      if (error) return;
      on_signal(signal);
      await_signal();
    });
  }
};

LoopHost::LoopHost(std::filesystem::path file_root, std::size_t pool_threads)
    : impl_(std::make_unique<Impl>(std::move(file_root), pool_threads)) {}

LoopHost::~LoopHost() {
  stop();
  impl_->pool.join();
}

void LoopHost::run() { impl_->context.run(); }

void LoopHost::stop() {
  if (impl_->stopped.exchange(true)) return;
  asio::post(impl_->context, [this] { impl_->context.stop(); });
}

void LoopHost::finish_work() {
  stop();
  impl_->pool.stop();
  impl_->pool.join();
}

void LoopHost::on_signals(const std::vector<int>& signals, std::function<void(int)> on_signal) {
  impl_->signals = std::make_unique<asio::signal_set>(impl_->context);
  for (const int signal : signals) impl_->signals->add(signal);
  impl_->on_signal = std::move(on_signal);
  impl_->await_signal();
}

asio::io_context& LoopHost::context() { return impl_->context; }
Time LoopHost::now() const { return system_now(); }
void LoopHost::log(LogLevel level, std::string_view text) { log_line(level, "grid", text); }
std::filesystem::path LoopHost::file_root() const { return impl_->file_root; }

bool LoopHost::post(std::function<void()> call) {
  if (impl_->stopped) return false;
  asio::post(impl_->context, std::move(call));
  return true;
}

void LoopHost::work(std::function<void()> job) { asio::post(impl_->pool, std::move(job)); }

std::unique_ptr<Host::Handle> LoopHost::watch_readable(int fd, std::function<void()> ready) {
  auto watch = std::make_shared<Watch>(impl_->context, fd, std::move(ready));
  watch->arm();
  return std::make_unique<WatchHandle>(std::move(watch));
}

std::unique_ptr<Host::Handle> LoopHost::after(std::chrono::milliseconds delay, std::function<void()> due) {
  auto timer = std::make_shared<Timer>(impl_->context);
  timer->timer.expires_after(delay);
  timer->timer.async_wait([timer, due = std::move(due)](error_code error) {
    if (!error && !timer->ended) due();
  });
  return std::make_unique<TimerHandle>(std::move(timer));
}

}  // namespace grid
