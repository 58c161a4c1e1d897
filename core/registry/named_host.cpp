#include "core/registry/named_host.hpp"

#include "core/base/text.hpp"
#include "core/registry/supervisor.hpp"

namespace grid {

std::function<void()> NamedHost::fenced(std::function<void()> call) const {
  return [weak = supervisor_.weak_from_this(), call = std::move(call)] {
    if (const auto supervisor = weak.lock()) supervisor->callback(call);
  };
}

Time NamedHost::now() const { return detached_ ? system_now() : inner_.now(); }

void NamedHost::log(LogLevel level, std::string_view text) {
  if (!detached_) inner_.log(level, supervisor_.id() + ": " + std::string(text));
}

std::filesystem::path NamedHost::file_root() const {
  return detached_ ? std::filesystem::path() : inner_.file_root();
}

bool NamedHost::post(std::function<void()> call) {
  return !detached_ && inner_.post(fenced(std::move(call)));
}

void NamedHost::work(std::function<void()> job) {
  if (!detached_) inner_.work(fenced(std::move(job)));
}

std::unique_ptr<Host::Handle> NamedHost::watch_readable(int fd, std::function<void()> ready) {
  return detached_ ? nullptr : inner_.watch_readable(fd, fenced(std::move(ready)));
}

std::unique_ptr<Host::Handle> NamedHost::after(std::chrono::milliseconds delay, std::function<void()> due) {
  return detached_ ? nullptr : inner_.after(delay, fenced(std::move(due)));
}

}  // namespace grid
