// The ends of runs: their processes, and their directories.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <thread>

#include "directory.hpp"

namespace grid::local {
namespace {

namespace fs = std::filesystem;
namespace rd = run_directory;

constexpr std::chrono::seconds end_wait{10};
constexpr std::chrono::milliseconds look_again{10};

std::vector<rd::ProcessFacts> all_processes() {
  std::vector<rd::ProcessFacts> processes;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    const auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc{} || rest != name.data() + name.size() || pid == ::getpid()) continue;
    if (const auto facts = rd::process_facts(pid)) processes.push_back(*facts);
  }
  return processes;
}

// A task may have left folders that even their owner cannot look into.
void open_folders(const fs::path& folder) {
  ::chmod(folder.c_str(), 0700);
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->symlink_status(ignored).type() == fs::file_type::directory) open_folders(entry->path());
  }
}

}  // namespace

bool end_marked(const std::string& cookie, const std::vector<ProcessId>& leaders, const Stopping& stopping) {
  const std::string entry = "GRID_COOKIE=" + cookie;
  std::vector<pid_t> groups;  // only of leaders that are still there: else the number may be somebody else's
  for (const ProcessId& leader : leaders) {
    const auto facts = rd::process_facts(leader.pid);
    if (facts && facts->id == leader) groups.push_back(leader.pid);
  }
  for (auto waited = std::chrono::milliseconds(0); waited < end_wait && !stopping; waited += look_again) {
    bool left = false;
    for (const auto& process : all_processes()) {
      if (process.state == 'Z') continue;
      const bool ours = std::find(groups.begin(), groups.end(), process.group) != groups.end() ||
                        std::find(groups.begin(), groups.end(), process.session) != groups.end() ||
                        rd::environment_holds(rd::process_environment(process.id.pid), entry);
      if (!ours) continue;
      left = true;
      rd::send_signal(process.id, SIGKILL);
    }
    if (!left) return true;
    std::this_thread::sleep_for(look_again);
  }
  return false;
}

Result<> remove_run(const fs::path& folder, const Stopping& stopping) {
  const auto found = look(folder, stopping);
  if (!found) return fail(found.error());
  if (found->state == RunState::absent) return {};
  if (found->state == RunState::running) {
    const auto records = read_journal(folder);
    if (!records) return fail(records.error());
    if (live_shim(*records)) return fail(Code::resource_conflict, folder.string() + " has not finished");
    if (!end_marked(found->cookie, {}, stopping)) {
      return fail(Code::resource_conflict, "processes of " + folder.string() + " do not end");
    }
  }
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) {
    open_folders(folder);
    fs::remove_all(folder, error);
  }
  if (error) return fail(Code::storage_failed, folder.string() + ": " + error.message());
  return {};
}

}  // namespace grid::local
