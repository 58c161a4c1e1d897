#include "grid/sdk/run_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace grid::run_directory {

std::string log_name(std::uint32_t element, Stream stream) {
  return std::to_string(element) + (stream == Stream::out ? ".out" : ".err");
}

std::string slot_log_name(std::uint32_t slot, Stream stream) { return "slot" + log_name(slot, stream); }

bool is_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 128 || name.front() == '.') return false;
  for (const char c : name) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    if (!good) return false;
  }
  return true;
}

Result<std::filesystem::path> path_of(const std::filesystem::path& root, const Run& run,
                                      std::string_view machine_id) {
  for (const std::string_view part :
       {std::string_view(run.head_id), machine_id, std::string_view(run.name)}) {
    if (!is_name(part))
      return fail(Code::usage, "'" + std::string(part) + "' cannot be part of a run directory's path");
  }
  return root / run.head_id / machine_id / run.name;
}

std::filesystem::path default_root() { return "/var/tmp/grid-" + std::to_string(::geteuid()); }

Result<> claim_root(const std::filesystem::path& root) {
  const std::string shown = "run root " + root.string();
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Code::storage_failed, shown + " cannot be made: " + std::strerror(errno));
  }
  struct stat facts {};
  if (::lstat(root.c_str(), &facts) != 0)
    return fail(Code::storage_failed, shown + ": " + std::strerror(errno));
  if (S_ISLNK(facts.st_mode)) {
    return fail(Code::policy_denied, shown + " is a symbolic link", "remove it: rm " + root.string());
  }
  if (!S_ISDIR(facts.st_mode)) {
    return fail(Code::policy_denied, shown + " is not a folder",
                "move it away, or configure another run root");
  }
  if (facts.st_uid != ::geteuid()) {
    return fail(Code::policy_denied,
                shown + " belongs to somebody else (uid " + std::to_string(facts.st_uid) + ")",
                "configure a run root of your own");
  }
  if ((facts.st_mode & 07777) != 0700) {
    return fail(Code::policy_denied, shown + " is open to others or has a mode other than 0700",
                "look whether anybody put something there, then: chmod 0700 " + root.string());
  }
  return {};
}

std::vector<std::string> with_inherited(std::vector<std::string> environment,
                                        const std::vector<std::string>& inherit) {
  for (const auto& name : inherit) {
    const std::string start = name + '=';
    const auto states = [&](const std::string& variable) { return variable.starts_with(start); };
    if (name.empty() || std::any_of(environment.begin(), environment.end(), states)) continue;
    for (const char* const* entry = ::environ; *entry != nullptr; ++entry) {
      if (std::string_view(*entry).starts_with(start)) {
        environment.emplace_back(*entry);
        break;
      }
    }
  }
  return environment;
}

std::string_view search_path(const std::vector<std::string>& environment) noexcept {
  for (const std::string_view variable : environment) {
    if (variable.starts_with("PATH=")) return variable.substr(5);
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

int find_program(const std::string& name, const std::vector<std::string>& environment,
                 const std::string& folder, std::string& program) {
  if (name.find('/') != std::string::npos) {
    program = name;
    return 0;
  }
  int error = ENOENT;
  std::string_view rest = search_path(environment);
  for (bool more = !name.empty(); more;) {
    const auto colon = rest.find(':');
    more = colon != std::string_view::npos;
    std::string file(rest.substr(0, colon));
    if (more) rest.remove_prefix(colon + 1);
    if (file.empty() || file.front() != '/') file.insert(0, folder + '/');
    file += '/' + name;
    struct stat facts {};
    if (::stat(file.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
    if (::faccessat(AT_FDCWD, file.c_str(), X_OK, AT_EACCESS) == 0) {
      program = std::move(file);
      return 0;
    }
    error = EACCES;
  }
  return error;
}

}  // namespace grid::run_directory
