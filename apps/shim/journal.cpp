#include "apps/shim/journal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace grid::shim {
namespace {

constexpr std::chrono::milliseconds sync_interval{100};
constexpr std::chrono::seconds retry_interval{1};

}  // namespace

void Journal::flush() {
  std::size_t done = 0;
  while (done < waiting_.size()) {
    const ssize_t n = ::write(file_.get(), waiting_.data() + done, waiting_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      retry_ = Clock::now() + retry_interval;
      break;
    }
    done += static_cast<std::size_t>(n);
    unsynced_ = true;
  }
  waiting_.erase(0, done);
}

void Journal::sync(Clock::time_point now) {
  if (unsynced_ && now - synced_ >= sync_interval) sync_now();
}

void Journal::sync_now() {
  ::fdatasync(file_.get());
  unsynced_ = false;
  synced_ = Clock::now();
}

Journal::Clock::time_point Journal::due() const {
  if (!waiting_.empty()) return retry_;
  return unsynced_ ? synced_ + sync_interval : Clock::time_point::max();
}

}  // namespace grid::shim
