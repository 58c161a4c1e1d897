#include "apps/shim/lease.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <string_view>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/run_directory.hpp"

namespace grid::shim {
namespace {

constexpr std::chrono::seconds look_interval{1};

}  // namespace

Lease::Time Lease::now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::duration_cast<Time>(std::chrono::seconds(time.tv_sec) +
                                          std::chrono::nanoseconds(time.tv_nsec));
}

void Lease::read(Time now) {
  const Fd file(::open(run_directory::lease_file.data(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    text_.clear();
    deadline_.reset();
    return;
  }
  std::array<char, 32> buffer;
  const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
  std::string_view text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (text == text_ && !text_.empty()) return;
  text_ = text;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0) {
    std::fprintf(stderr, "grid-shim: the lease is no number\n");
    return;
  }
  deadline_ = Time(value);
  seen_ = now;
}

std::optional<Lease::Time> Lease::term_at() const {
  if (!deadline_) return std::nullopt;
  return *deadline_ - std::min(grace_, std::max((*deadline_ - seen_) / 2, Time(0)));
}

std::optional<Lease::Time> Lease::look_in(Time now) const {
  if (!deadline_) return std::nullopt;
  const Time left = *term_at() - now;
  return left > Time(0) ? std::min<Time>(left, look_interval) : look_interval;
}

}  // namespace grid::shim
