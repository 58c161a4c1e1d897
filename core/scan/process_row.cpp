#include "core/scan/process_row.hpp"

#include <unistd.h>

#include <algorithm>
#include <limits>

namespace grid {
namespace {

// Reads blank-separated numbers. A number counts only when something follows it: the last one of a line that
// was cut off may have lost digits.
class Numbers {
 public:
  explicit Numbers(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  std::int64_t next() noexcept {
    while (at_ != end_ && *at_ == ' ') ++at_;
    const bool negative = at_ != end_ && *at_ == '-';
    if (negative) ++at_;
    const char* first = at_;
    std::uint64_t value = 0;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') {
      value = value * 10 + static_cast<std::uint64_t>(*at_++ - '0');
    }
    if (at_ == first || at_ - first > 19 || at_ == end_ || (*at_ != ' ' && *at_ != '\n')) ok_ = false;
    const auto number = static_cast<std::int64_t>(value);
    return negative ? -number : number;
  }
  std::uint64_t count() noexcept {
    const auto number = next();
    if (number < 0) ok_ = false;
    return static_cast<std::uint64_t>(number);
  }
  std::int32_t id() noexcept {
    const auto number = next();
    if (number < std::numeric_limits<std::int32_t>::min() ||
        number > std::numeric_limits<std::int32_t>::max()) {
      ok_ = false;
    }
    return static_cast<std::int32_t>(number);
  }
  void skip(int fields) noexcept {
    while (fields-- > 0 && ok_) {
      while (at_ != end_ && *at_ == ' ') ++at_;
      while (at_ != end_ && *at_ != ' ') ++at_;
    }
  }
  [[nodiscard]] bool ok() const noexcept { return ok_; }

 private:
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

std::uint64_t page_bytes() noexcept {
  static const auto size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

double ticks_per_second() noexcept {
  static const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return ticks;
}

std::size_t index_of(std::span<const ProcessRow> rows, std::int32_t pid) noexcept {
  const auto at =
      std::lower_bound(rows.begin(), rows.end(), pid,
                       [](const ProcessRow& row, std::int32_t wanted) { return row.pid < wanted; });
  return at != rows.end() && at->pid == pid ? static_cast<std::size_t>(at - rows.begin()) : rows.size();
}

bool parse_stat(std::string_view line, ProcessRow& row) {
  const auto open = line.find('(');
  const auto close = line.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  Numbers head(line.substr(0, open));
  row.pid = head.id();
  const auto comm = line.substr(open + 1, close - open - 1);
  if (row.comm != comm) row.comm = comm;

  // ") S ppid …"
  if (line.size() < close + 4 || line[close + 1] != ' ' || line[close + 3] != ' ') return false;
  row.state = line[close + 2];
  if (row.state < 'A' || row.state > 'z') return false;
  Numbers rest(line.substr(close + 4));
  row.ppid = rest.id();
  row.pgrp = rest.id();
  row.session = rest.id();
  row.tty_nr = rest.id();
  row.tpgid = rest.id();
  row.flags = static_cast<std::uint32_t>(rest.count());
  rest.skip(4);  // faults
  row.cpu_ticks = rest.count();
  row.cpu_ticks += rest.count();
  row.child_cpu_ticks = rest.count();
  row.child_cpu_ticks += rest.count();
  rest.skip(2);  // priority, nice
  row.threads = static_cast<std::uint32_t>(rest.count());
  rest.skip(1);
  row.start_ticks = rest.count();
  rest.skip(1);  // vsize
  row.rss_bytes = rest.count() * page_bytes();
  return head.ok() && rest.ok() && row.pid > 0;
}

}  // namespace grid
