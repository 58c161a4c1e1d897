#include "core/move/process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
extern "C" {  // glibc 2.36 forgets to say so in this one header
#include <sys/pidfd.h>
}

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <unordered_set>

#include "core/base/files.hpp"

namespace grid {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

std::optional<std::int32_t> number_of(const char* name) {
  std::int32_t number = 0;
  const char* end = name + std::strlen(name);
  const auto [stop, error] = std::from_chars(name, end, number);
  if (error != std::errc() || stop != end || number <= 0) return std::nullopt;
  return number;
}

// A stat file is one short line: one read, no allocation, for a scan reads thousands.
std::optional<ProcessFacts> read_stat(const char* path) {
  const Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, 2048> buffer;
  const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
  if (size <= 0) return std::nullopt;
  const std::string_view line(buffer.data(), static_cast<std::size_t>(size));
  const std::size_t name_end = line.rfind(')');  // the name before it may hold anything, also ") R 1 "
  if (name_end == std::string_view::npos || name_end + 2 >= line.size()) return std::nullopt;

  ProcessFacts facts;
  const auto pid = std::from_chars(line.data(), line.data() + line.size(), facts.id.pid);
  if (pid.ec != std::errc()) return std::nullopt;
  facts.state = line[name_end + 2];
  const char* at = line.data() + name_end + 3;
  const char* const end = line.data() + line.size();
  for (int field = 4; field <= 22; ++field) {
    while (at < end && *at == ' ') ++at;
    std::int64_t value = 0;
    const auto [stop, error] = std::from_chars(at, end, value);
    if (error != std::errc()) return std::nullopt;
    at = stop;
    switch (field) {
      case 4:
        facts.parent = static_cast<std::int32_t>(value);
        break;
      case 5:
        facts.group = static_cast<std::int32_t>(value);
        break;
      case 6:
        facts.session = static_cast<std::int32_t>(value);
        break;
      case 20:
        facts.threads = static_cast<std::uint32_t>(value);
        break;
      case 22:
        facts.id.start_ticks = static_cast<std::uint64_t>(value);
        break;
      default:
        break;
    }
  }
  return facts;
}

bool ended(char state) { return state == 'Z' || state == 'X' || state == 'x'; }

// The leader of a process may have ended while its other threads run: then it is a zombie that is none.
bool gone(const ProcessFacts& facts) { return ended(facts.state) && facts.threads <= 1; }

// What the threads do, taken together.
struct Threads {
  bool any_running = false;
  bool any_waiting = false;
  bool any_traced = false;
  bool any_alive = false;

  void add(char state) {
    if (ended(state)) return;
    any_alive = true;
    any_traced |= state == 't';
    any_waiting |= state == 'D';
    any_running |= state != 'T' && state != 't' && state != 'D';
  }
};

std::optional<Threads> look_at_threads(std::int32_t pid) {
  const std::string base = "/proc/" + std::to_string(pid) + "/task";
  const Folder folder(::opendir(base.c_str()));
  if (!folder) return std::nullopt;
  Threads threads;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (!number_of(entry->d_name)) continue;
    if (const auto facts = read_stat((base + "/" + entry->d_name + "/stat").c_str()))
      threads.add(facts->state);
  }
  return threads;
}

}  // namespace

std::optional<ProcessFacts> read_process(std::int32_t pid) {
  return read_stat(("/proc/" + std::to_string(pid) + "/stat").c_str());
}

std::vector<ProcessFacts> read_processes() {
  std::vector<ProcessFacts> all;
  std::unordered_set<std::int32_t> seen;
  // A process may fork and end between the listing and our reading of it, and its child is not in that
  // listing. So it is listed again until there is nobody new; the newest is read first. Ten times do where
  // others start processes all along.
  for (int round = 0; round < 10; ++round) {
    std::vector<std::int32_t> fresh;
    const Folder folder(::opendir("/proc"));
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr)
      if (const auto pid = number_of(entry->d_name); pid && seen.insert(*pid).second) fresh.push_back(*pid);
    if (fresh.empty()) break;
    for (auto pid = fresh.rbegin(); pid != fresh.rend(); ++pid)
      if (const auto facts = read_process(*pid); facts && !gone(*facts)) all.push_back(*facts);
  }
  return all;
}

Result<HeldProcess> HeldProcess::open(ProcessId id) {
  const auto name = "process " + std::to_string(id.pid);
  Fd fd(::pidfd_open(id.pid, 0));
  if (!fd && (errno == EMFILE || errno == ENFILE))
    return fail(Code::resource_conflict, name + " cannot be held: " + errno_text(errno),
                "raise the limit on open files (ulimit -n)");
  // EINVAL also comes for a valid number in a race with its end.
  if (!fd) return fail(Code::process_not_found, name + " does not exist: " + errno_text(errno));
  const auto facts = read_process(id.pid);
  if (!facts || gone(*facts)) return fail(Code::process_not_found, name + " has ended");
  if (facts->id != id)
    return fail(Code::process_not_found, name + " has ended: its number belongs to another process by now");
  return HeldProcess(id, std::move(fd));
}

Activity HeldProcess::look() const {
  const auto facts = read_process(id_.pid);
  if (!facts || facts->id != id_ || gone(*facts)) return Activity::gone;
  Threads threads;
  threads.add(facts->state);
  if (facts->threads > 1) {
    const auto all = look_at_threads(id_.pid);
    if (!all) return Activity::gone;
    threads = *all;
  }
  if (!threads.any_alive) return Activity::gone;
  if (threads.any_waiting) return Activity::waiting;
  if (threads.any_running) return Activity::running;
  return threads.any_traced ? Activity::traced : Activity::stopped;
}

Result<> HeldProcess::signal(int number) const {
  if (::pidfd_send_signal(fd_.get(), number, nullptr, 0) == 0) return {};
  const auto name = "process " + std::to_string(id_.pid);
  if (errno == ESRCH) return fail(Code::process_not_found, name + " has ended");
  return fail(Code::policy_denied, name + " may not be signalled: " + errno_text(errno));
}

std::optional<std::string> find_restraint(std::int32_t pid) {
  const auto lines_of = [](const std::string& path) { return read_file(path).value_or(std::string()); };
  const std::string base = "/proc/" + std::to_string(pid);
  const std::string status = lines_of(base + "/status");
  constexpr std::string_view tracer = "\nTracerPid:\t";
  if (const auto at = status.find(tracer); at != std::string::npos) {
    const auto number = status.substr(at + tracer.size(), status.find('\n', at + 1) - at - tracer.size());
    if (number != "0") return "traced: process " + std::to_string(pid) + " is traced by process " + number;
  }
  // Lines of the form id:controllers:path; version 2 has no controllers, and may be mounted below version 1.
  const std::string groups = lines_of(base + "/cgroup");
  for (std::size_t begin = 0; begin < groups.size();) {
    const std::size_t end = std::min(groups.find('\n', begin), groups.size());
    const std::string line = groups.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const bool frozen =
        controllers.empty()
            ? (lines_of("/sys/fs/cgroup" + path + "/cgroup.events") +
               lines_of("/sys/fs/cgroup/unified" + path + "/cgroup.events"))
                      .find("frozen 1") != std::string::npos
            : controllers == "freezer" &&
                  lines_of("/sys/fs/cgroup/freezer" + path + "/freezer.state").starts_with("FR");
    if (frozen) return "frozen: process " + std::to_string(pid) + " is in the frozen control group " + path;
  }
  return std::nullopt;
}

}  // namespace grid
