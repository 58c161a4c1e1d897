#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/run_directory.hpp"
#include "run_directory_text.hpp"

namespace grid::run_directory {
namespace {

std::string read_proc(pid_t pid, const char* name, std::size_t limit) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/%s", static_cast<int>(pid), name);
  const Fd fd(::open(path.data(), O_RDONLY | O_CLOEXEC));
  std::string out;
  while (fd && out.size() < limit) {
    std::array<char, 4096> buffer;
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(n));
    if (limit <= buffer.size()) break;
  }
  return out;
}

}  // namespace

std::string boot_id() {
  std::array<char, 64> buffer;
  const Fd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  const ssize_t n = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : 0;
  std::string_view text(buffer.data(), static_cast<std::size_t>(n > 0 ? n : 0));
  return std::string(take(text, '\n'));
}

std::optional<ProcessFacts> process_facts(pid_t pid) {
  const std::string stat = read_proc(pid, "stat", 2048);
  const auto name_end = stat.rfind(')');  // the name may hold anything, ')' and newlines too
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return std::nullopt;
  std::string_view rest = std::string_view(stat).substr(name_end + 2);
  ProcessFacts facts;
  facts.id.pid = pid;
  facts.state = rest.front();
  take(rest, ' ');
  facts.parent = decode_number<std::int32_t>(take(rest, ' ')).value_or(0);
  facts.group = decode_number<std::int32_t>(take(rest, ' ')).value_or(0);
  facts.session = decode_number<std::int32_t>(take(rest, ' ')).value_or(0);
  for (int field = 7; field < 22; ++field) take(rest, ' ');
  const auto start = decode_number<std::uint64_t>(take(rest, ' '));
  if (!start) return std::nullopt;
  facts.id.start_ticks = *start;
  return facts;
}

std::string process_environment(pid_t pid) { return read_proc(pid, "environ", 4U << 20U); }

bool environment_holds(std::string_view environment, std::string_view entry) noexcept {
  while (!environment.empty()) {
    if (take(environment, '\0') == entry) return true;
  }
  return false;
}

bool send_signal(const ProcessId& process, int signal) noexcept {
  const Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!fd) return false;
  const auto facts = process_facts(process.pid);  // read while the descriptor is held: it is this one or none
  if (!facts || facts->id != process) {
    errno = ESRCH;
    return false;
  }
  return ::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0) == 0;
}

}  // namespace grid::run_directory
