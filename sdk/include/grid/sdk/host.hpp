// The world as a plugin sees it. A plugin calls no clock, opens no absolute path and starts no thread of its
// own. Tags: [loop] only on the loop's thread; [any] from any thread; [started] only between start() and
// stop().
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "grid/sdk/abi.hpp"

namespace grid {

enum class LogLevel { debug, info, warning, error };

// `monotonic` orders and times; it never jumps. `wall` is for people.
struct Time {
  std::chrono::milliseconds monotonic{};  // CLOCK_BOOTTIME of the head
  std::chrono::sys_time<std::chrono::milliseconds> wall{};
};

class GRID_SDK Host {
 public:
  virtual ~Host();
  // [any] The only clock.
  [[nodiscard]] virtual Time now() const = 0;
  // [any] Stamped with the plugin's name. `text` is data: control characters are made visible.
  virtual void log(LogLevel level, std::string_view text) = 0;
  // [any] Prefix for /proc and /sys, "" in production, a folder of fixtures under test. For load, process and
  // GPU figures only: machine id and boot id are always the real ones.
  [[nodiscard]] virtual std::filesystem::path file_root() const = 0;
  // [any] Runs `call` once on the loop, in order of posting. False after the loop stopped: `call` is dropped.
  virtual bool post(std::function<void()> call) = 0;
  // [any & started] Runs `job` once on the bounded pool, for what blocks. Results go back by post().
  virtual void work(std::function<void()> job) = 0;

  // Destroying it ends the watch or timer; after that no call comes. [loop]
  class GRID_SDK Handle {
   public:
    virtual ~Handle();
  };
  // [loop & started] Calls `ready` on the loop each time `fd` is readable. The plugin keeps owning `fd`, and
  // destroys the handle before it closes it.
  [[nodiscard]] virtual std::unique_ptr<Handle> watch_readable(int fd, std::function<void()> ready) = 0;
  // [loop & started] Calls `due` once, on the loop.
  [[nodiscard]] virtual std::unique_ptr<Handle> after(std::chrono::milliseconds delay,
                                                      std::function<void()> due) = 0;
};

}  // namespace grid
