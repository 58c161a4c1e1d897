// Calls that block: each runs as a job on the host's pool and is answered on the loop, exactly once, in time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "grid/sdk/host.hpp"
#include "grid/sdk/transport.hpp"

namespace grid::local {

// A job looks at it between its steps and gives up when it holds.
using Stopping = std::atomic<bool>;

inline constexpr std::chrono::seconds usual_deadline{30};
inline constexpr std::chrono::minutes copy_deadline{15};

// [loop] except inside jobs. Everything a job uses must be its own: it may outlast the call, but never
// stop().
class Calls {
 public:
  explicit Calls(Host& host) : host_(host) {}
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;
  ~Calls() { stop(); }

  template <class T>
  void run(std::function<Result<T>(const Stopping&)> job, Done<T> done,
           std::chrono::milliseconds deadline = usual_deadline) {
    if (state_->stopping) return;
    const std::uint64_t id = ++last_;
    const auto state = state_;
    state->timers[id] = host_.after(deadline, [state, id, done] {
      const auto timer = state->timers.extract(id);  // lives until this call returns
      if (!timer.empty())
        done(fail(Code::timed_out, "the node's file system did not answer in time", {}, true));
    });
    host_.work([state, id, &host = host_, job = std::move(job), done = std::move(done)] {
      if (!state->enter()) return;
      auto result = std::make_shared<Result<T>>(job(state->stopping));
      host.post([state, id, result, done] {
        if (!state->timers.extract(id).empty()) done(std::move(*result));
      });
      state->leave();
    });
  }

  // After return no job runs and nothing is answered any more.
  void stop() noexcept { state_->stop(); }

 private:
  struct State {
    Stopping stopping{false};
    std::map<std::uint64_t, std::unique_ptr<Host::Handle>>
        timers;  // [loop] one for each call not yet answered
    std::mutex mutex;
    std::condition_variable idle;
    std::size_t running = 0;

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
      lock.unlock();
      timers.clear();
    }
  };

  Host& host_;
  std::uint64_t last_ = 0;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace grid::local
