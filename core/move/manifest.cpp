#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>

#include "core/base/files.hpp"
#include "core/move/stage.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

class Walk {
 public:
  Walk(const std::filesystem::path& cwd, IgnoreRules ignore, const StageRules& rules)
      : cwd_(cwd), ignore_(std::move(ignore)), rules_(rules) {}

  Result<Manifest> run() {
    struct stat top {};
    if (::stat(cwd_.c_str(), &top) != 0 || !S_ISDIR(top.st_mode))
      return fail(Code::not_found, "there is no folder " + visible(cwd_.string()));
    device_ = top.st_dev;
    // A list of what is still to be entered, not a recursion: a deep tree costs neither stack nor
    // descriptors.
    std::vector<std::string> folders{""};
    while (!folders.empty()) {
      const std::string folder = std::move(folders.back());
      folders.pop_back();
      if (auto entered = enter(folder, folders); !entered) return fail(std::move(entered.error()));
    }
    // Folders in which something travels come with it; of the others only an entry tells.
    for (auto& [path, entry] : folders_)
      if (!filled_.contains(path)) manifest_.entries.push_back(std::move(entry));
    std::sort(manifest_.entries.begin(), manifest_.entries.end(),
              [](const ManifestEntry& a, const ManifestEntry& b) { return a.path < b.path; });
    return std::move(manifest_);
  }

 private:
  Result<> enter(const std::string& folder, std::vector<std::string>& folders) {
    const std::string full = folder.empty() ? cwd_.string() : cwd_.string() + '/' + folder;
    // The top may be reached by a link; what is below may not.
    const int fd =
        ::open(full.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | (folder.empty() ? 0 : O_NOFOLLOW));
    const std::unique_ptr<DIR, CloseFolder> open(fd < 0 ? nullptr : ::fdopendir(fd));
    if (!open) {
      if (folder.empty())
        return fail(Code::not_found, "cannot read " + visible(full) + ": " + errno_text(errno));
      note(folder, "cannot be read (" + errno_text(errno) + "): it stays here");
      return {};
    }
    while (const dirent* entry = ::readdir(open.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      std::string path = folder.empty() ? std::string(name) : folder + '/' + std::string(name);
      struct stat facts {};
      if (::fstatat(fd, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone meanwhile
      if (ignore_.ignores(path, S_ISDIR(facts.st_mode))) continue;
      if (auto added = add(fd, entry->d_name, std::move(path), facts, folders); !added) return added;
    }
    return {};
  }

  Result<> add(int parent, const char* name, std::string path, const struct stat& facts,
               std::vector<std::string>& folders) {
    ManifestEntry entry;
    entry.size = static_cast<std::uint64_t>(facts.st_size);
    entry.mtime_ns = nanoseconds(facts.st_mtim);
    entry.mode = facts.st_mode & 07777U;
    entry.device = facts.st_dev;
    entry.inode = facts.st_ino;
    if (S_ISDIR(facts.st_mode)) {
      if (facts.st_dev != device_) note(path, "lies on another file system: it travels too");
      entry.path = path;
      entry.kind = ManifestEntry::Kind::folder;
      entry.size = 0;
      folders_.emplace(path, std::move(entry));
      folders.push_back(std::move(path));
      return {};
    }
    if (S_ISLNK(facts.st_mode)) {
      std::array<char, 4096> target;
      const ssize_t length = ::readlinkat(parent, name, target.data(), target.size());
      if (length < 0) return {};
      entry.kind = ManifestEntry::Kind::symlink;
      entry.target.assign(target.data(), static_cast<std::size_t>(length));
      if (leaves(path, entry.target)) note(path, "points out of the folder: only the link itself travels");
    } else if (!S_ISREG(facts.st_mode)) {
      note(path, "is a socket, pipe or device: it stays here");
      return {};
    } else if (::faccessat(parent, name, R_OK, AT_EACCESS) != 0) {
      note(path, "cannot be read (" + errno_text(errno) + "): it stays here");
      return {};
    }
    for (std::size_t slash = path.rfind('/'); slash != std::string::npos;
         slash = path.rfind('/', slash - 1)) {
      filled_.emplace(path.substr(0, slash), true);
      if (slash == 0) break;
    }
    entry.path = std::move(path);
    manifest_.bytes += entry.size;
    manifest_.entries.push_back(std::move(entry));
    return check_limits();
  }

  Result<> check_limits() const {
    const std::string hint =
        "leave files out with " + visible(cwd_.string()) + "/.gridignore, or do not stage: --no-stage";
    if (manifest_.bytes > rules_.max_bytes)
      return fail(Code::preflight_failed,
                  visible(cwd_.string()) + " is at least " + size_text(manifest_.bytes) +
                      ", above offload.stage.max " + size_text(rules_.max_bytes),
                  hint);
    if (manifest_.entries.size() > rules_.max_files)
      return fail(Code::preflight_failed,
                  visible(cwd_.string()) + " has more than " + std::to_string(rules_.max_files) + " files",
                  hint);
    return {};
  }

  static bool leaves(const std::string& path, const std::string& target) {
    const auto end = (std::filesystem::path(path).parent_path() / target).lexically_normal();
    return end.is_absolute() || (!end.empty() && *end.begin() == "..");
  }

  void note(const std::string& path, const std::string& what) {
    constexpr std::size_t most = 100;
    if (manifest_.notes.size() < most)
      manifest_.notes.push_back(visible(path) + ' ' + what);
    else if (manifest_.notes.size() == most)
      manifest_.notes.push_back("and more of that kind");
  }

  std::filesystem::path cwd_;
  IgnoreRules ignore_;
  const StageRules& rules_;
  dev_t device_ = 0;
  Manifest manifest_;
  std::map<std::string, ManifestEntry> folders_;
  std::map<std::string, bool> filled_;
};

}  // namespace

Result<Manifest> make_manifest(const std::filesystem::path& cwd, const StageRules& rules) {
  IgnoreRules ignore = rules.ignore;
  const auto file = cwd / ".gridignore";
  const auto text = read_file(file, 1U << 20U);
  if (text) {
    auto own = IgnoreRules::parse(*text, visible(file.string()));
    if (!own) return fail(std::move(own.error()));
    ignore.add(*own);
  } else if (text.error().code != Code::not_found) {
    return fail(Code::config_invalid, text.error().message);
  }
  return Walk(cwd, std::move(ignore), rules).run();
}

const ManifestEntry* Manifest::find(const std::string& path) const {
  const auto at =
      std::lower_bound(entries.begin(), entries.end(), path,
                       [](const ManifestEntry& entry, const std::string& p) { return entry.path < p; });
  return at != entries.end() && at->path == path ? &*at : nullptr;
}

}  // namespace grid
