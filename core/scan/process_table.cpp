#include "core/scan/process_table.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/base/files.hpp"

namespace grid {
namespace {

// Below this age the 10 ms ticks of the kernel say nothing about a rate.
constexpr double least_age_seconds = 0.1;

// A `stat` line is some 200 bytes, 1 KiB at the very most.
using Line = std::array<char, 2048>;

// Bytes of "PID/stat", or -errno. With `keep` the descriptor is handed out.
ssize_t read_stat(int proc, std::int32_t pid, Line& line, Fd* keep) {
  std::array<char, 32> name;
  char* end = std::to_chars(name.data(), name.data() + 16, pid).ptr;
  std::memcpy(end, "/stat", 6);
  Fd file(::openat(proc, name.data(), O_RDONLY | O_CLOEXEC));
  if (!file) return -errno;
  const ssize_t size = ::pread(file.get(), line.data(), line.size(), 0);
  if (size < 0) return -errno;
  if (keep != nullptr) *keep = std::move(file);
  return size;
}

std::int32_t pid_from_name(const char* name) noexcept {
  std::int32_t pid = 0;
  for (; *name >= '0' && *name <= '9' && pid < 100'000'000; ++name) pid = pid * 10 + (*name - '0');
  return *name == '\0' ? pid : 0;
}

}  // namespace

std::chrono::nanoseconds boot_clock() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

ProcessTable::ProcessTable(const std::filesystem::path& file_root, std::size_t max_descriptors)
    : path_(file_root.empty() ? "/proc" : file_root / "proc"),
      max_descriptors_(max_descriptors),
      listing_(64U << 10U) {}

Result<> ProcessTable::pass(std::chrono::nanoseconds now) {
  if (auto listed = list_pids(); !listed) return listed;
  unreadable_ = 0;
  if (passed_) interval_seconds_ = std::chrono::duration<double>(now - now_).count();
  passed_ = true;
  now_ = now;

  // Rows and pids are both sorted: walk them side by side. A pid of 0 marks a row that is gone.
  fresh_.clear();
  auto pid = pids_.cbegin();
  for (auto& row : rows_) {
    while (pid != pids_.cend() && *pid < row.pid) fresh_.push_back(*pid++);
    const auto known = row.pid;
    const bool listed = pid != pids_.cend() && *pid == known;
    if (listed) ++pid;
    if (listed && read_again(row)) continue;
    if (listed) fresh_.push_back(known);
    drop_descriptor(row);
    row.pid = 0;
  }
  fresh_.insert(fresh_.end(), pid, pids_.cend());
  std::erase_if(rows_, [](const ProcessRow& row) { return row.pid == 0; });

  if (fresh_.empty()) return {};
  for (const auto one : fresh_) add(one);
  const auto by_pid = [](const ProcessRow& a, const ProcessRow& b) { return a.pid < b.pid; };
  if (!std::is_sorted(rows_.begin(), rows_.end(), by_pid)) std::sort(rows_.begin(), rows_.end(), by_pid);
  return {};
}

const ProcessRow* ProcessTable::find(std::int32_t pid) const noexcept {
  const auto at = index_of(rows_, pid);
  return at != rows_.size() ? &rows_[at] : nullptr;
}

double ProcessTable::age_seconds(const ProcessRow& row) const noexcept {
  const auto started = static_cast<double>(row.start_ticks) / ticks_per_second();
  return std::max(0.0, std::chrono::duration<double>(now_).count() - started);
}

Result<> ProcessTable::list_pids() {
  if (!proc_) {
    proc_ = Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!proc_) return fail(Code::not_found, "cannot open " + path_.string() + ": " + errno_text(errno));
  }
  if (::lseek(proc_.get(), 0, SEEK_SET) < 0) return fail(Code::internal, "cannot rewind " + path_.string());
  pids_.clear();
  for (;;) {
    const auto size = ::syscall(SYS_getdents64, proc_.get(), listing_.data(), listing_.size());
    if (size < 0) return fail(Code::not_found, "cannot list " + path_.string() + ": " + errno_text(errno));
    if (size == 0) break;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(listing_.data() + at);
      at += entry->d_reclen;
      if (const auto pid = pid_from_name(entry->d_name); pid > 0) pids_.push_back(pid);
    }
  }
  if (!std::is_sorted(pids_.begin(), pids_.end()))
    std::sort(pids_.begin(), pids_.end());  // procfs sorts, fixtures do not
  return {};
}

// False: another process or none is there, or its line cannot be used any more.
bool ProcessTable::read_again(ProcessRow& row) {
  Line line;
  const auto size = row.stat_file ? ::pread(row.stat_file.get(), line.data(), line.size(), 0)
                                  : read_stat(proc_.get(), row.pid, line, nullptr);
  if (size <= 0) return false;
  const auto before = row.id();
  const auto ticks = row.cpu_ticks;
  if (!parse_stat({line.data(), static_cast<std::size_t>(size)}, row) || row.id() != before) return false;
  row.cpu_fraction.reset();
  if (row.cpu_ticks >= ticks && interval_seconds_ && *interval_seconds_ > 0) {
    row.cpu_fraction = static_cast<double>(row.cpu_ticks - ticks) / ticks_per_second() / *interval_seconds_;
  }
  return true;
}

void ProcessTable::add(std::int32_t pid) {
  Line line;
  ProcessRow row;
  const bool keep = kept_ < max_descriptors_;
  const auto size = read_stat(proc_.get(), pid, line, keep ? &row.stat_file : nullptr);
  if (size == -ENOENT || size == -ESRCH) return;  // ended since it was listed
  if (size <= 0 || !parse_stat({line.data(), static_cast<std::size_t>(size)}, row) || row.pid != pid) {
    ++unreadable_;
    return;
  }
  if (interval_seconds_) {
    const auto used = static_cast<double>(row.cpu_ticks) / ticks_per_second();
    row.cpu_fraction = used / std::max(age_seconds(row), least_age_seconds);
  }
  if (keep) ++kept_;
  rows_.push_back(std::move(row));
}

void ProcessTable::drop_descriptor(ProcessRow& row) noexcept {
  if (!row.stat_file) return;
  row.stat_file.reset();
  --kept_;
}

}  // namespace grid
