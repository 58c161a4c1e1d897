// What blocks and belongs to no connection: runs on the host's pool, and is answered on the loop.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "grid/sdk/host.hpp"
#include "grid/sdk/transport.hpp"
#include "wire.hpp"

namespace grid::ssh {

// [loop] except inside jobs. Everything a job uses must be its own, for it may outlast the call; never
// stop().
class Jobs {
 public:
  explicit Jobs(Host& host) : host_(host) {}
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;
  ~Jobs() { stop(); }

  // The job has a deadline of its own, and gives up when `stopping` holds.
  template <class T>
  void run(std::function<Result<T>(const Stopping&)> job, Done<T> done) {
    host_.work([state = state_, &host = host_, job = std::move(job), done = std::move(done)] {
      if (!state->enter()) return;
      auto result = std::make_shared<Result<T>>(job(state->stopping));
      host.post([state, result, done] {
        if (!state->stopping) done(std::move(*result));
      });
      state->leave();
    });
  }

  // After return no job runs and nothing is answered any more.
  void stop() noexcept { state_->stop(); }

 private:
  struct State {
    Stopping stopping{false};
    std::mutex mutex;
    std::condition_variable idle;
    int running = 0;

    bool enter() {
      const std::lock_guard lock(mutex);
      if (stopping) return false;
      ++running;
      return true;
    }
    void leave() {
      const std::lock_guard lock(mutex);
      if (--running == 0) idle.notify_all();
    }
    void stop() noexcept {
      std::unique_lock lock(mutex);
      stopping = true;
      idle.wait(lock, [this] { return running == 0; });
    }
  };

  Host& host_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace grid::ssh
