// A small real Host for the tests of plugins: poll(2), timers, a pool of two threads. The thread that calls
// run_until() is the loop. Complaints of the plugin are kept in `logged`.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/host.hpp"

namespace grid::testkit {

class LoopHost final : public Host {
 public:
  LoopHost() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    for (int i = 0; i < 2; ++i) pool_.emplace_back([this] { serve(); });
  }
  ~LoopHost() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    work_waits_.notify_all();
    for (auto& thread : pool_) thread.join();
  }

  // Turns the loop until `done` holds; false when `limit` passed first.
  template <class Condition>
  bool run_until(Condition done, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      if (std::chrono::steady_clock::now() >= end) return false;
      turn();
    }
    return true;
  }

  [[nodiscard]] Time now() const override {
    timespec boot{};
    ::clock_gettime(CLOCK_BOOTTIME, &boot);
    return {std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::seconds(boot.tv_sec) +
                                                                  std::chrono::nanoseconds(boot.tv_nsec)),
            std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())};
  }
  void log(LogLevel, std::string_view text) override {
    const std::lock_guard lock(mutex_);
    logged.emplace_back(text);
  }
  [[nodiscard]] std::filesystem::path file_root() const override { return root; }
  bool post(std::function<void()> call) override {
    {
      const std::lock_guard lock(mutex_);
      posted_.push_back(std::move(call));
    }
    return ::eventfd_write(wake_.get(), 1) == 0;
  }
  void work(std::function<void()> job) override {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    work_waits_.notify_one();
  }
  [[nodiscard]] std::unique_ptr<Handle> watch_readable(int fd, std::function<void()> ready) override {
    watches_[++last_] = {fd, std::move(ready)};
    return std::make_unique<Entry>([this, id = last_] { watches_.erase(id); });
  }
  [[nodiscard]] std::unique_ptr<Handle> after(std::chrono::milliseconds delay,
                                              std::function<void()> due) override {
    timers_[++last_] = {std::chrono::steady_clock::now() + delay, std::move(due)};
    return std::make_unique<Entry>([this, id = last_] { timers_.erase(id); });
  }

  std::filesystem::path root;  // what file_root() answers
  std::vector<std::string> logged;

 private:
  class Entry final : public Handle {
   public:
    explicit Entry(std::function<void()> remove) : remove_(std::move(remove)) {}
    ~Entry() override { remove_(); }

   private:
    std::function<void()> remove_;
  };

  void turn() {
    std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
    std::vector<std::uint64_t> ids{0};
    for (const auto& [id, watch] : watches_) {
      fds.push_back({watch.first, POLLIN, 0});
      ids.push_back(id);
    }
    auto wait = std::chrono::milliseconds(20);
    const auto now = std::chrono::steady_clock::now();
    for (const auto& [id, timer] : timers_) {
      wait = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(timer.first - now),
                        std::chrono::milliseconds(0), wait);
    }
    ::poll(fds.data(), fds.size(), static_cast<int>(wait.count()));
    eventfd_t count = 0;
    if (fds[0].revents != 0) ::eventfd_read(wake_.get(), &count);
    std::deque<std::function<void()>> calls;
    {
      const std::lock_guard lock(mutex_);
      calls.swap(posted_);
    }
    for (auto& call : calls) call();
    for (std::size_t i = 1; i < fds.size(); ++i) {
      const auto watch = fds[i].revents != 0 ? watches_.find(ids[i]) : watches_.end();
      if (watch != watches_.end())
        std::function<void()>(watch->second.second)();  // a copy: it may remove itself
    }
    const auto after = std::chrono::steady_clock::now();
    std::vector<std::uint64_t> due;
    for (const auto& [id, timer] : timers_) {
      if (timer.first <= after) due.push_back(id);
    }
    for (const auto id : due) {
      const auto timer = timers_.find(id);
      if (timer == timers_.end()) continue;
      const auto call = std::move(timer->second.second);
      timers_.erase(timer);
      call();
    }
  }
  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_waits_.wait(lock, [&] { return ending_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  Fd wake_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::pair<int, std::function<void()>>> watches_;
  std::map<std::uint64_t, std::pair<std::chrono::steady_clock::time_point, std::function<void()>>> timers_;
  std::mutex mutex_;
  std::condition_variable work_waits_;
  std::deque<std::function<void()>> posted_;
  std::deque<std::function<void()>> jobs_;
  bool ending_ = false;
  std::vector<std::thread> pool_;
};

}  // namespace grid::testkit
