#include "facts.hpp"

#include <glob.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "directory.hpp"
#include "grid/sdk/run_directory.hpp"

namespace grid::local {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_bytes = 16U << 20U;  // of one file

void read_into(Reading& reading, const std::string& prefix, const std::string& path) {
  if (auto text = read_text(prefix + path, most_bytes)) reading.content[path] = std::move(*text);
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string user_name() {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(::geteuid());
}

std::string first_line(const char* file) {
  const auto text = read_text(file, most_bytes);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

}  // namespace

Reading read_needs(const Needs& needs, const std::string& prefix) {
  Reading reading;
  for (const auto& file : needs.files) read_into(reading, prefix, file);
  for (const auto& pattern : needs.globs) {
    glob_t found{};
    if (::glob((escaped(prefix) + pattern).c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) {
        read_into(reading, prefix, std::string(found.gl_pathv[i]).substr(prefix.size()));
      }
    }
    ::globfree(&found);
  }
  return reading;
}

ProbeReport probe(const ProbeSpec& spec, const fs::path& root, bool own_files) {
  ProbeReport report;
  report.user = user_name();
  const auto environment = run_directory::with_inherited(spec.environment, spec.inherit);
  report.path = run_directory::search_path(environment);
  report.path_before = report.path;
  for (const auto& program : spec.programs) {
    std::string file;
    struct stat facts {};
    const bool found = run_directory::find_program(program, environment, "/", file) == 0 &&
                       ::stat(file.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
                       ::access(file.c_str(), X_OK) == 0;
    report.found.push_back(found ? file : std::string());
  }
  for (const auto& folder : spec.folders) {
    struct stat facts {};
    const bool good =
        ::stat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && ::access(folder.c_str(), X_OK) == 0;
    if (!good) report.missing_folders.push_back(folder);
  }
  report.marker_seen = !own_files && !spec.marker.empty() && ::access(spec.marker.c_str(), F_OK) == 0;
  struct statvfs space {};
  const fs::path there = fs::exists(root) ? root : root.parent_path();
  if (::statvfs(there.c_str(), &space) == 0)
    report.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  return report;
}

Result<Link::Identity> identify(const NodeAddress& node) {
  Link::Identity identity;
  identity.machine_id = node.simulated ? node.machine_id : first_line("/etc/machine-id");
  identity.boot_id = run_directory::boot_id();
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0) identity.host_name = name.data();
  if (identity.machine_id.empty()) {
    return fail(Code::not_found, "this machine has no id: /etc/machine-id is missing or empty",
                "make one: systemd-machine-id-setup");
  }
  return identity;
}

}  // namespace grid::local
