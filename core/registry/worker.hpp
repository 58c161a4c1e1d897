// The one thread on which calls into one plugin compute, in order, one at a time. It starts with the first
// job. A job that hangs is left behind with its thread: what the job holds stays alive with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

namespace grid {

class Worker {
 public:
  Worker();
  // Waits for the jobs to end, unless they were abandoned.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // [any] Jobs do not throw. After abandon() they are dropped.
  void submit(std::function<void()> job);
  // [any] How many jobs have ended: while this grows, nothing hangs.
  [[nodiscard]] std::uint64_t progress() const;
  // [any] True when no job runs or waits; waits for that up to `patience`.
  [[nodiscard]] bool wait_idle(std::chrono::milliseconds patience) const;
  // [any] Gives up on the job that runs, the ones that wait, and the thread.
  void abandon();

 private:
  struct State;
  static void serve(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace grid
