// The one event loop of a process, on Boost.Asio, seen by plugins as their Host. One thread runs it and owns
// all state; a bounded pool takes what blocks.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "grid/sdk/host.hpp"

namespace boost::asio {
class io_context;
}

namespace grid {

class LoopHost : public Host {
 public:
  // `file_root` is the head's; see Host::file_root.
  explicit LoopHost(std::filesystem::path file_root = {}, std::size_t pool_threads = 2);
  ~LoopHost() override;

  // Runs until stop(). Signals in `signals` are delivered on the loop to `on_signal`.
  void run();
  // [any] Idempotent. What was posted before it still runs.
  void stop();
  // After run(): waits for the jobs that have begun, drops the others, and takes no more.
  void finish_work();
  void on_signals(const std::vector<int>& signals, std::function<void(int)> on_signal);
  [[nodiscard]] boost::asio::io_context& context();

  [[nodiscard]] Time now() const override;
  void log(LogLevel level, std::string_view text) override;
  [[nodiscard]] std::filesystem::path file_root() const override;
  bool post(std::function<void()> call) override;
  void work(std::function<void()> job) override;
  [[nodiscard]] std::unique_ptr<Handle> watch_readable(int fd, std::function<void()> ready) override;
  [[nodiscard]] std::unique_ptr<Handle> after(std::chrono::milliseconds delay,
                                              std::function<void()> due) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace grid
