#include "apps/shim/descendants.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "grid/sdk/run_directory.hpp"

namespace grid::shim {
namespace {

void parse(std::string_view text, std::vector<pid_t>& pids) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    if (error == std::errc{}) pids.push_back(pid);
    at = next + 1;
  }
}

void read_children(int file, std::vector<pid_t>& pids) {
  char buffer[4096];
  ssize_t n = ::pread(file, buffer, sizeof buffer, 0);
  if (n <= 0) return;
  if (static_cast<std::size_t>(n) < sizeof buffer / 2)
    return parse({buffer, static_cast<std::size_t>(n)}, pids);
  std::string text;
  for (off_t at = 0; (n = ::pread(file, buffer, sizeof buffer, at)) > 0; at += n) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  parse(text, pids);
}

// A process's children hang on its threads.
std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> pids;
  std::error_code error;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  for (std::filesystem::directory_iterator entry(tasks, error), end; !error && entry != end;
       entry.increment(error)) {
    const Fd file(::open((entry->path() / "children").c_str(), O_RDONLY | O_CLOEXEC));
    if (file) read_children(file.get(), pids);
  }
  return pids;
}

}  // namespace

Children::Children()
    : file_(::open(("/proc/self/task/" + std::to_string(::getpid()) + "/children").c_str(),
                   O_RDONLY | O_CLOEXEC)) {}

const std::vector<pid_t>& Children::read() {
  pids_.clear();
  if (file_) read_children(file_.get(), pids_);
  return pids_;
}

void add_tree(pid_t root, std::vector<ProcessId>& tree) {
  const auto facts = run_directory::process_facts(root);
  if (!facts) return;
  for (const pid_t child : children_of(root)) add_tree(child, tree);
  if (facts->state != 'Z') tree.push_back(facts->id);
}

}  // namespace grid::shim
