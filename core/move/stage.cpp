#include "core/move/stage.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "core/base/files.hpp"
#include "core/base/text.hpp"

namespace grid {

namespace fs = std::filesystem;

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1023.95 && unit + 1 < units.size(); ++unit) size /= 1024;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f %s", size, units[unit]);
  return text.data();
}

namespace {

// A folder and whether everything from its beginning on is below it.
bool is_below(const fs::path& path, const fs::path& folder) {
  const auto [at, stop] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return at == folder.end() && stop != path.end();
}

}  // namespace

StageScope stage_scope(const fs::path& cwd, const fs::path& home) {
  // Both as they really are: a symbolic link must not make / look like a project.
  std::error_code error;
  const fs::path folder = fs::canonical(cwd, error);
  if (error) return {false, cwd.string() + " cannot be entered: " + error.message()};
  const fs::path own_home = fs::weakly_canonical(home, error);
  const auto no = [&](const std::string& what) { return StageScope{false, folder.string() + " is " + what}; };

  if (folder == "/") return no("the root of the file system");
  if (folder == own_home || folder == "/root" || folder.parent_path() == "/home")
    return no("a home directory itself");
  if (!own_home.empty() && is_below(own_home, folder)) return no("a folder that holds home directories");
  for (const char* shared : {"/home", "/tmp", "/var/tmp", "/dev/shm", "/mnt", "/media", "/srv", "/opt"})
    if (folder == shared) return no("a folder that many share");
  for (const char* shared : {"/var/tmp", "/dev/shm"})
    if (is_below(folder, shared)) return {true, ""};
  if (!own_home.empty() && is_below(folder, own_home)) return {true, ""};
  for (const char* system : {"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32",
                             "/lost+found", "/proc", "/run", "/sbin", "/sys", "/usr", "/var"})
    if (folder == system || is_below(folder, system)) return no("a folder of the system");
  return {true, ""};
}

Result<Marker> Marker::make(const fs::path& cwd) {
  fs::path path = cwd / (".grid-marker-" + random_hex(16));
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd)
    return fail(Code::storage_failed, "cannot make a file in " + cwd.string() + ": " + errno_text(errno));
  return Marker(std::move(path));
}

Marker& Marker::operator=(Marker&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

Marker::~Marker() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace grid
