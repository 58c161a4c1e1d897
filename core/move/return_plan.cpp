#include "core/move/return_plan.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>
#include <set>

namespace grid {

namespace {

bool is_plain_relative(const std::string& path) {
  if (path.find('\0') != std::string::npos) return false;
  for (std::size_t begin = 0;;) {
    const std::size_t end = path.find('/', begin);
    const std::string part = path.substr(begin, end == std::string::npos ? end : end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    if (end == std::string::npos) return true;
    begin = end + 1;
  }
}

std::optional<struct stat> look(const std::filesystem::path& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return std::nullopt;
  return facts;
}

// The folders on the way must be real ones, or not there yet: a link would lead the file somewhere else.
std::string find_obstacle(const std::filesystem::path& cwd, const std::string& path) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const auto facts = look(cwd / path.substr(0, slash));
    if (!facts) return "";
    if (S_ISLNK(facts->st_mode)) return path.substr(0, slash) + " is a symbolic link here";
    if (!S_ISDIR(facts->st_mode)) return path.substr(0, slash) + " is not a folder here";
  }
  return "";
}

bool changed_there(const ManifestEntry& staged, const FileFact& after) {
  const bool was_link = staged.kind == ManifestEntry::Kind::symlink;
  if (was_link != after.symlink || staged.size != after.size || staged.mtime_ns != after.mtime_ns)
    return true;
  return !was_link && staged.mode != (after.mode & 07777U);
}

bool changed_here(const ManifestEntry* staged, const struct stat& now) {
  if (staged == nullptr) return true;  // appeared meanwhile, or was left behind
  const auto mtime = static_cast<std::int64_t>(now.st_mtim.tv_sec) * 1'000'000'000 + now.st_mtim.tv_nsec;
  return now.st_ino != staged->inode || now.st_dev != staged->device || mtime != staged->mtime_ns ||
         static_cast<std::uint64_t>(now.st_size) != staged->size;
}

}  // namespace

ReturnPlan plan_return(const Manifest& staged, const std::vector<FileFact>& after,
                       const std::filesystem::path& cwd, const std::string& execution) {
  ReturnPlan plan;
  std::set<std::string> seen;
  std::set<std::string> names;  // that files of the target have
  for (const FileFact& fact : after) names.insert(fact.path);
  for (const FileFact& fact : after) {
    if (!is_plain_relative(fact.path)) {
      plan.refused.push_back({fact.path, "the name leads out of the folder"});
      continue;
    }
    if (!seen.insert(fact.path).second) continue;
    const ManifestEntry* before = staged.find(fact.path);
    if (before != nullptr && before->kind != ManifestEntry::Kind::folder && !changed_there(*before, fact))
      continue;
    if (auto obstacle = find_obstacle(cwd, fact.path); !obstacle.empty()) {
      plan.refused.push_back({fact.path, std::move(obstacle)});
      continue;
    }
    ReturningFile file{fact.path, fact.path, false};
    if (const auto now = look(cwd / fact.path);
        now && (S_ISDIR(now->st_mode) || changed_here(before, *now))) {
      file.conflict = true;
      file.destination += ".grid-" + execution;
      // Never over what lies there already, from an earlier return or from the target itself.
      const std::string base = file.destination;
      for (int n = 2; look(cwd / file.destination) || names.contains(file.destination); ++n)
        file.destination = base + '.' + std::to_string(n);
    }
    plan.files.push_back(std::move(file));
  }
  return plan;
}

}  // namespace grid
