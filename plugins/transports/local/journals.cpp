#include "journals.hpp"

#include <sys/inotify.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace grid::local {
namespace {

// A short task must be seen at once; thousands of them in batches, or the watcher would cost as much as the
// tasks.
constexpr std::chrono::milliseconds window{100};
constexpr int wakes_in_window = 8;
constexpr std::chrono::milliseconds pause{20};

}  // namespace

class Journals::Entry final : public Host::Handle {
 public:
  Entry(std::weak_ptr<Journals*> owner, int watch, std::uint64_t id)
      : owner_(std::move(owner)), watch_(watch), id_(id) {}
  ~Entry() override {
    if (const auto owner = owner_.lock()) (*owner)->remove(watch_, id_);
  }

 private:
  std::weak_ptr<Journals*> owner_;
  int watch_;
  std::uint64_t id_;
};

Result<> Journals::start() {
  inotify_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify_) {
    return fail(Code::storage_failed, std::string("inotify: ") + std::strerror(errno),
                "raise fs.inotify.max_user_instances", true);
  }
  listen();
  return {};
}

void Journals::stop() noexcept {
  readable_.reset();
  pause_.reset();
  watches_.clear();
  inotify_.reset();
}

Result<std::unique_ptr<Host::Handle>> Journals::watch(const std::filesystem::path& journal,
                                                      std::function<void()> grew) {
  const int watch = ::inotify_add_watch(inotify_.get(), journal.c_str(), IN_MODIFY);
  if (watch < 0) {
    return fail(Code::storage_failed, journal.string() + " cannot be watched: " + std::strerror(errno),
                errno == ENOSPC ? "raise fs.inotify.max_user_watches" : "", true);
  }
  watches_[watch][++last_] = std::move(grew);
  return std::make_unique<Entry>(self_, watch, last_);
}

void Journals::remove(int watch, std::uint64_t id) noexcept {
  const auto found = watches_.find(watch);
  if (found == watches_.end() || found->second.erase(id) == 0 || !found->second.empty()) return;
  watches_.erase(found);
  ::inotify_rm_watch(inotify_.get(), watch);
}

void Journals::listen() {
  readable_ = host_.watch_readable(inotify_.get(), [this] { wake(); });
}

void Journals::wake() {
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  std::set<int> grown;
  for (ssize_t n = 0; (n = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0;) {
    for (ssize_t at = 0; at < n;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        for (const auto& [watch, calls] : watches_) grown.insert(watch);
      } else if ((event.mask & IN_MODIFY) != 0) {
        grown.insert(event.wd);
      }
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  const auto now = host_.now().monotonic;
  if (now - window_ >= window) {
    window_ = now;
    wakes_ = 0;
  }
  if (++wakes_ > wakes_in_window) {
    pause_ = host_.after(pause, [this] { listen(); });
    readable_.reset();  // what happens meanwhile waits, as one event for each journal
  }
  const std::weak_ptr<Journals*> alive = self_;
  for (const int watch : grown) {
    std::vector<std::function<void()>> calls;  // a call may remove watches, its own too
    if (alive.expired()) return;
    if (const auto found = watches_.find(watch); found != watches_.end()) {
      for (const auto& [id, call] : found->second) calls.push_back(call);
    }
    for (const auto& call : calls) call();
  }
}

}  // namespace grid::local
