#include "core/daemon/head_checks.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "core/base/files.hpp"

namespace grid {
namespace fs = std::filesystem;
namespace {

using State = Check::State;

constexpr std::uint64_t mebibyte = 1ULL << 20U;
constexpr std::uint64_t bad_free_bytes = 100 * mebibyte;
constexpr std::uint64_t low_free_bytes = 1024 * mebibyte;

struct FileSystem {
  std::uint32_t magic;
  const char* name;
  bool remote;
};
constexpr std::array file_systems{
    FileSystem{0xEF53, "ext4", false},
    FileSystem{0x58465342, "xfs", false},
    FileSystem{0x9123683E, "btrfs", false},
    FileSystem{0x01021994, "tmpfs", false},
    FileSystem{0x794C7630, "overlayfs", false},
    FileSystem{0x2FC12FC1, "zfs", false},
    FileSystem{0x6969, "NFS", true},
    FileSystem{0xFF534D42, "CIFS", true},
    FileSystem{0xFE534D42, "SMB", true},
    FileSystem{0x65735546, "FUSE", true},
};

// The nearest folder above that exists: a folder that is not there yet will be made in it.
fs::path existing(fs::path path) {
  std::error_code error;
  while (!fs::exists(path, error) && path.has_parent_path() && path != path.parent_path())
    path = path.parent_path();
  return path;
}

Check folder(const std::string& name, const fs::path& path, const std::string& setting) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    const fs::path above = existing(path);
    if (::access(above.c_str(), W_OK | X_OK) == 0)
      return {name, State::good, fmt::format("{} is made when it is needed", path.string()), ""};
    return {name, State::bad,
            fmt::format("{} is missing and cannot be made in {}", path.string(), above.string()),
            "name another folder: " + setting};
  }
  const std::string where = path.string();
  if (S_ISLNK(found.st_mode) || !S_ISDIR(found.st_mode))
    return {name, State::bad, where + " is no folder of its own",
            "move it away, or name another: " + setting};
  if (found.st_uid != ::geteuid())
    return {name, State::bad, where + " belongs to somebody else", "name another folder: " + setting};
  if ((found.st_mode & 0077U) != 0)
    return {name, State::bad, fmt::format("{} is open to others (mode {:o})", where, found.st_mode & 07777U),
            fmt::format("chmod 700 '{}'", where)};
  if (::access(path.c_str(), W_OK | X_OK) != 0)
    return {name, State::bad, fmt::format("{} cannot be written to: {}", where, errno_text(errno)),
            "make it writable, or name another: " + setting};
  struct statfs system {};
  if (::statfs(path.c_str(), &system) != 0) return {name, State::good, where, ""};
  const auto magic = static_cast<std::uint32_t>(system.f_type);
  const auto* const kind = std::find_if(file_systems.begin(), file_systems.end(),
                                        [&](const FileSystem& each) { return each.magic == magic; });
  const std::string text = where + (kind == file_systems.end() ? "" : fmt::format(", on {}", kind->name));
  if (kind != file_systems.end() && kind->remote)
    return {name, State::warning, text + ", which other machines may share", "use a local disk: " + setting};
  return {name, State::good, text, ""};
}

Check disk(const HeadPlaces& places) {
  Check check{"disk", State::good, "", ""};
  for (const fs::path& path : {places.state, places.run_root}) {
    struct statvfs found {};
    const fs::path at = existing(path);
    if (::statvfs(at.c_str(), &found) != 0) continue;
    const std::uint64_t free_bytes = std::uint64_t{found.f_bavail} * found.f_frsize;
    const State state = free_bytes < bad_free_bytes   ? State::bad
                        : free_bytes < low_free_bytes ? State::warning
                                                      : State::good;
    check.text += fmt::format("{}{} MiB free in {}", check.text.empty() ? "" : ", ", free_bytes / mebibyte,
                              path.string());
    if (state == State::bad || check.state == State::good) check.state = state;
  }
  if (check.state != State::good) check.fix = "free some space there; old logs: grid ps -a";
  return check;
}

Check shim(const fs::path& path) {
  if (::access(path.c_str(), X_OK) == 0) return {"shim", State::good, path.string(), ""};
  return {"shim", State::bad, fmt::format("{} cannot be run: {}", path.string(), errno_text(errno)),
          "install grid again; nothing can be started here without it"};
}

Check clock() {
  struct timex asked {};
  const int state = ::adjtimex(&asked);
  if (state < 0) return {"clock", State::skipped, "the kernel does not say whether it is synchronised", ""};
  if (state == TIME_ERROR)
    return {"clock", State::warning, "nothing keeps this machine's clock right",
            "turn time synchronisation on: timedatectl set-ntp true"};
  return {"clock", State::good, "is kept synchronised", ""};
}

}  // namespace

std::vector<Check> check_head(const HeadPlaces& places) {
  return {folder("state folder", places.state, "GRID_STATE_DIR"),
          folder("run root", places.run_root, "run_root"), disk(places), shim(places.shim), clock()};
}

}  // namespace grid
