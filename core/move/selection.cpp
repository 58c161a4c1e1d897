#include "core/move/selection.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/base/files.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

namespace fs = std::filesystem;

Result<ManifestEntry> file_entry(const fs::path& full, const std::string& path, const struct stat& facts) {
  ManifestEntry entry;
  entry.path = path;
  entry.size = static_cast<std::uint64_t>(facts.st_size);
  entry.mtime_ns = std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec;
  entry.mode = facts.st_mode & 07777U;
  entry.device = facts.st_dev;
  entry.inode = facts.st_ino;
  if (S_ISLNK(facts.st_mode)) {
    std::error_code error;
    entry.kind = ManifestEntry::Kind::symlink;
    entry.target = fs::read_symlink(full, error).string();
  } else if (!S_ISREG(facts.st_mode)) {
    return fail(Code::usage, visible(full.string()) + " is a socket, pipe or device");
  }
  return entry;
}

}  // namespace

Result<std::string> path_inside(const fs::path& cwd, const std::string& given) {
  const fs::path full = (given.empty() ? cwd : cwd / given).lexically_normal();
  std::string path = full.lexically_relative(cwd.lexically_normal()).string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (given.empty() || given.find('\0') != std::string::npos || path.empty() || path == ".." ||
      path.starts_with("../"))
    return fail(Code::usage,
                "'" + visible(given) + "' is not in the working directory " + visible(cwd.string()),
                "change to a directory that holds all the files");
  return path;
}

bool is_selected(const std::vector<std::string>& named, const std::string& path) {
  return std::any_of(named.begin(), named.end(), [&](const std::string& name) {
    return name == "." || path == name ||
           (path.size() > name.size() && path.starts_with(name) && path[name.size()] == '/');
  });
}

Result<Manifest> select_files(const fs::path& cwd, const std::vector<std::string>& named,
                              const StageRules& rules) {
  Manifest selection;
  for (const std::string& name : named) {
    const fs::path full = name == "." ? cwd : cwd / name;
    struct stat facts {};
    // A named folder may be reached by a link; a file that is one travels as one.
    const bool folder = ::stat(full.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
    if (!folder) {
      if (::lstat(full.c_str(), &facts) != 0)
        return fail(Code::not_found, "there is no " + visible(full.string()) + ": " + errno_text(errno));
      auto entry = file_entry(full, name, facts);
      if (!entry) return fail(entry.error());
      selection.entries.push_back(std::move(*entry));
      continue;
    }
    auto part = make_manifest(full, rules);
    if (!part) return fail(part.error());
    if (part->entries.empty() && name != ".") {
      auto& entry = selection.entries.emplace_back();
      entry.path = name;
      entry.kind = ManifestEntry::Kind::folder;
      entry.mode = facts.st_mode & 07777U;
    }
    for (ManifestEntry& entry : part->entries) {
      if (name != ".") entry.path = name + "/" + entry.path;
      selection.entries.push_back(std::move(entry));
    }
    selection.notes.insert(selection.notes.end(), part->notes.begin(), part->notes.end());
  }
  auto& entries = selection.entries;
  std::stable_sort(entries.begin(), entries.end(),
                   [](const ManifestEntry& a, const ManifestEntry& b) { return a.path < b.path; });
  entries.erase(std::unique(entries.begin(), entries.end(),
                            [](const ManifestEntry& a, const ManifestEntry& b) { return a.path == b.path; }),
                entries.end());
  for (const ManifestEntry& entry : entries) selection.bytes += entry.size;
  if (selection.bytes > rules.max_bytes)
    return fail(Code::preflight_failed,
                "the files to send are " + size_text(selection.bytes) + ", above offload.stage.max " +
                    size_text(rules.max_bytes),
                "name fewer, or leave some out with a .gridignore in the folder");
  if (entries.size() > rules.max_files)
    return fail(Code::preflight_failed, "there are more than " + std::to_string(rules.max_files) + " files",
                "name fewer, or leave some out with a .gridignore in the folder");
  return selection;
}

}  // namespace grid
