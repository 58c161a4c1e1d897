#include "core/registry/worker.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

#include "core/registry/fatal_signals.hpp"

namespace grid {

struct Worker::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> jobs;
  bool busy = false;
  bool ending = false;     // once no job is left
  bool abandoned = false;  // at once
  std::uint64_t ended = 0;
};

Worker::Worker() : state_(std::make_shared<State>()) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->changed.notify_all();
  if (!thread_.joinable()) return;
  const bool inside_job = thread_.get_id() == std::this_thread::get_id();  // which held the last owner
  if (inside_job)
    thread_.detach();
  else
    thread_.join();
}

void Worker::submit(std::function<void()> job) {
  const std::lock_guard lock(state_->mutex);
  if (state_->ending) return;
  state_->jobs.push_back(std::move(job));
  if (!thread_.joinable()) thread_ = std::thread([state = state_] { serve(state); });
  state_->changed.notify_all();
}

std::uint64_t Worker::progress() const {
  const std::lock_guard lock(state_->mutex);
  return state_->ended;
}

bool Worker::wait_idle(std::chrono::milliseconds patience) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, patience, [this] { return state_->jobs.empty() && !state_->busy; });
}

void Worker::abandon() {
  const std::lock_guard lock(state_->mutex);
  if (state_->abandoned) return;
  state_->ending = state_->abandoned = true;
  if (thread_.joinable()) thread_.detach();
}

void Worker::serve(const std::shared_ptr<State>& state) {
  use_signal_stack();
  std::unique_lock lock(state->mutex);
  for (;;) {
    state->changed.wait(lock, [&] { return state->ending || !state->jobs.empty(); });
    if (state->abandoned || state->jobs.empty()) return;
    std::function<void()> job = std::move(state->jobs.front());
    state->jobs.pop_front();
    state->busy = true;
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
    state->busy = false;
    ++state->ended;
    state->changed.notify_all();
  }
}

}  // namespace grid
