#include "core/daemon/crash_point.hpp"

#include <csignal>
#include <cstdlib>

namespace grid {

void crash_point() noexcept {
  static long left = [] {
    const char* text = std::getenv("GRID_CRASH_AT");
    return text == nullptr ? 0L : std::strtol(text, nullptr, 10);
  }();
  if (left > 0 && --left == 0) static_cast<void>(std::raise(SIGKILL));
}

}  // namespace grid
