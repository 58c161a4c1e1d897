// The host as one plugin sees it: log lines carry the plugin's name, and what the plugin hands over to be
// called later is fenced like any other call into it.
#pragma once

#include <atomic>
#include <string>

#include "grid/sdk/host.hpp"

namespace grid {

class Supervisor;

class NamedHost final : public Host {
 public:
  // Both outlive it, but see detach().
  NamedHost(Host& inner, Supervisor& supervisor) : inner_(inner), supervisor_(supervisor) {}

  // From now on the inner host is left alone: the plugin was abandoned, and its thread may outlive that host.
  // [any]
  void detach() noexcept { detached_ = true; }

  [[nodiscard]] Time now() const override;
  void log(LogLevel level, std::string_view text) override;
  [[nodiscard]] std::filesystem::path file_root() const override;
  bool post(std::function<void()> call) override;
  void work(std::function<void()> job) override;
  [[nodiscard]] std::unique_ptr<Handle> watch_readable(int fd, std::function<void()> ready) override;
  [[nodiscard]] std::unique_ptr<Handle> after(std::chrono::milliseconds delay,
                                              std::function<void()> due) override;

 private:
  [[nodiscard]] std::function<void()> fenced(std::function<void()> call) const;
  Host& inner_;
  Supervisor& supervisor_;
  std::atomic<bool> detached_{false};
};

}  // namespace grid
