#include "disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "sha256.hpp"

namespace grid::ssh {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::size_t synced_alone = 8;
constexpr std::size_t read_bytes = 256U << 10U;

DiskFile facts_of(const struct stat& found) {
  return {found.st_mode, static_cast<std::uint64_t>(found.st_size),
          std::int64_t{found.st_mtim.tv_sec} * second_ns + found.st_mtim.tv_nsec};
}

}  // namespace

tl::unexpected<Error> disk_error(const std::string& what, int error) {
  const std::string message = what + ": " + std::generic_category().message(error);
  if (error == ENOENT) return fail(Code::not_found, message);
  if (error == ENOSPC || error == EDQUOT) {
    return fail(Code::storage_failed, message,
                "free some space on this machine's disk; what has arrived is kept", true);
  }
  return fail(Code::storage_failed, message);
}

std::optional<DiskFile> look(const fs::path& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return std::nullopt;
  return facts_of(found);
}

Result<std::string> slice_sum(const fs::path& path, std::uint64_t offset, std::uint64_t length) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return disk_error(path.string(), errno);
  if (::lseek(file.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return disk_error(path.string(), errno);
  Sha256 sum;
  std::string bytes;
  while (length > 0) {
    bytes.clear();
    const auto n = read_some(file, path, std::min<std::uint64_t>(length, read_bytes), bytes);
    if (!n) return fail(n.error());
    if (*n == 0) break;
    sum.update(bytes);
    length -= *n;
  }
  return sum.hex();
}

fs::path link_above(const fs::path& path, std::size_t depth) {
  fs::path folder = path.parent_path();
  for (; depth > 0; --depth, folder = folder.parent_path()) {
    const auto found = look(folder);
    if (found && S_ISLNK(found->mode)) return folder;
  }
  return {};
}

Result<> check_source(const Fd& file, const fs::path& path, const DiskFile& facts) {
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) return disk_error(path.string(), errno);
  const DiskFile now = facts_of(found);
  if (S_ISREG(now.mode) && now.size == facts.size && now.mtime_ns == facts.mtime_ns) return {};
  return fail(Code::storage_failed, path.string() + " changed while it was copied",
              "copy it when nothing writes to it", true);
}

Result<Fd> open_source(const fs::path& path, const DiskFile& facts, std::uint64_t offset) {
  Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) return disk_error(path.string(), errno);
  if (const auto good = check_source(file, path, facts); !good) return fail(good.error());
  if (::lseek(file.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return disk_error(path.string(), errno);
  return file;
}

Result<std::size_t> read_some(const Fd& file, const fs::path& path, std::size_t most, std::string& out) {
  const std::size_t before = out.size();
  out.resize(before + most);
  ssize_t n = 0;
  do n = ::read(file.get(), out.data() + before, most);
  while (n < 0 && errno == EINTR);
  const int error = errno;
  out.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  if (n < 0) return disk_error(path.string(), error);
  return static_cast<std::size_t>(n);
}

Result<Fd> open_part(const fs::path& part, std::uint64_t keep) {
  if (const auto made = make_folders(part.parent_path()); !made) return fail(made.error());
  Fd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  const auto size = static_cast<off_t>(keep);
  if (!file || ::ftruncate(file.get(), size) != 0 || ::lseek(file.get(), size, SEEK_SET) < 0) {
    return disk_error(part.string(), errno);
  }
  return file;
}

Result<> write_part(const Fd& file, const fs::path& part, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return disk_error(part.string(), errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> set_time(const Fd& file, const fs::path& part, std::int64_t mtime_ns) {
  std::int64_t seconds = mtime_ns / second_ns;
  std::int64_t ns = mtime_ns % second_ns;
  if (ns < 0) {
    --seconds;
    ns += second_ns;
  }
  struct timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = seconds;
  times[1].tv_nsec = ns;
  if (::futimens(file.get(), times) != 0) return disk_error(part.string(), errno);
  return {};
}

Result<> sync_parts(const std::vector<fs::path>& parts) {
  const bool together = parts.size() > synced_alone;
  std::set<dev_t> synced;
  for (const fs::path& part : parts) {
    struct stat found {};
    const Fd file(::open(part.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file || ::fstat(file.get(), &found) != 0) return disk_error(part.string(), errno);
    if (together && !synced.insert(found.st_dev).second) continue;
    if ((together ? ::syncfs(file.get()) : ::fsync(file.get())) != 0) return disk_error(part.string(), errno);
  }
  return {};
}

Result<> place_part(const fs::path& part, const fs::path& to, std::uint32_t mode) {
  if (::chmod(part.c_str(), mode & 0777U) == 0 && ::rename(part.c_str(), to.c_str()) == 0) return {};
  const int error = errno;
  ::unlink(part.c_str());
  return disk_error(to.string(), error);
}

Result<> make_folders(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return disk_error(path.string(), error.value());
  return {};
}

Result<> set_mode(const fs::path& path, std::uint32_t mode) {
  if (::chmod(path.c_str(), mode & 0777U) != 0) return disk_error(path.string(), errno);
  return {};
}

Result<> make_link(const fs::path& part, const std::string& target, const fs::path& to) {
  if (auto made = make_folders(to.parent_path()); !made) return made;
  ::unlink(part.c_str());
  if (::symlink(target.c_str(), part.c_str()) != 0) return disk_error(to.string(), errno);
  if (::rename(part.c_str(), to.c_str()) == 0) return {};
  const int error = errno;
  ::unlink(part.c_str());
  return disk_error(to.string(), error);
}

}  // namespace grid::ssh
