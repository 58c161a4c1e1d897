// Tells when journals grow: one inotify descriptor for all of them, and a pause between wakes when they come
// thick.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/host.hpp"
#include "grid/sdk/result.hpp"

namespace grid::local {

// [loop]
class Journals {
 public:
  explicit Journals(Host& host) : host_(host) {}
  Result<> start();
  void stop() noexcept;
  // Calls `grew` after each write to `journal` from now on (several may come as one), until the handle is
  // destroyed.
  [[nodiscard]] Result<std::unique_ptr<Host::Handle>> watch(const std::filesystem::path& journal,
                                                            std::function<void()> grew);

 private:
  class Entry;
  void listen();
  void wake();
  void remove(int watch, std::uint64_t id) noexcept;

  Host& host_;
  Fd inotify_;
  std::unique_ptr<Host::Handle> readable_;
  std::unique_ptr<Host::Handle> pause_;
  std::chrono::milliseconds window_{};  // start of the present one
  int wakes_ = 0;                       // in it
  std::uint64_t last_ = 0;
  std::map<int, std::map<std::uint64_t, std::function<void()>>>
      watches_;  // the same file has the same number
  std::shared_ptr<Journals*> self_ = std::make_shared<Journals*>(this);
};

}  // namespace grid::local
