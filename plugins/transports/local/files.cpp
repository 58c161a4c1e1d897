#include "files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "directory.hpp"
#include "grid/sdk/fd.hpp"

namespace grid::local {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t step_bytes = 1U << 20U;  // between two looks at `stopping`

Result<fs::path> inside(const fs::path& work, const std::string& relative) {
  const fs::path path(relative);
  const auto refused = [&] {
    return fail(Code::usage, "'" + relative + "' is not a path inside the work folder");
  };
  if (relative.empty() || path.is_absolute()) return refused();
  fs::path at = work;
  for (const auto& part : path) {
    std::error_code error;
    if (part == ".." || fs::is_symlink(at, error)) return refused();
    at /= part;
  }
  return at;
}

Result<> copy_bytes(const fs::path& from, const fs::path& to, const struct stat& facts,
                    const Stopping& stopping) {
  const Fd in(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!in) return fail_errno(from.string(), errno);
  const Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out) return fail_errno(to.string(), errno);
  for (;;) {
    if (stopping) return fail(Code::cancelled, "the transport stops");
    const ssize_t n = ::copy_file_range(in.get(), nullptr, out.get(), nullptr, step_bytes, 0);
    if (n < 0) return fail_errno(to.string(), errno);
    if (n == 0) break;
  }
  const struct timespec times[2] = {facts.st_atim, facts.st_mtim};
  if (::fchmod(out.get(), facts.st_mode & 07777) != 0 || ::futimens(out.get(), times) != 0 ||
      ::fsync(out.get()) != 0) {
    return fail_errno(to.string(), errno);
  }
  return {};
}

Result<> copy_link(const fs::path& from, const fs::path& to, const struct stat& facts) {
  std::error_code error;
  const fs::path target = fs::read_symlink(from, error);
  if (!error) fs::create_symlink(target, to, error);
  if (error) return fail(Code::storage_failed, to.string() + ": " + error.message());
  const struct timespec times[2] = {facts.st_atim, facts.st_mtim};
  ::utimensat(AT_FDCWD, to.c_str(), times, AT_SYMLINK_NOFOLLOW);
  return {};
}

Result<> copy(const fs::path& from, const fs::path& to, const Stopping& stopping) {
  struct stat facts {};
  if (::lstat(from.c_str(), &facts) != 0) return fail_errno(from.string(), errno);
  std::error_code error;
  if (S_ISDIR(facts.st_mode)) {
    fs::create_directories(to, error);
    if (!error && ::chmod(to.c_str(), facts.st_mode & 07777) != 0) return fail_errno(to.string(), errno);
    if (error) return fail(Code::storage_failed, to.string() + ": " + error.message());
    return {};
  }
  if (!S_ISREG(facts.st_mode) && !S_ISLNK(facts.st_mode)) {
    return fail(Code::usage, from.string() + " is neither a file, a folder nor a symbolic link");
  }
  fs::create_directories(to.parent_path(), error);
  if (error) return fail(Code::storage_failed, to.parent_path().string() + ": " + error.message());
  const fs::path beside = to.parent_path() / ("." + to.filename().string().substr(0, 200) + ".grid-part");
  ::unlink(beside.c_str());  // of a copy that was cut short
  auto copied =
      S_ISLNK(facts.st_mode) ? copy_link(from, beside, facts) : copy_bytes(from, beside, facts, stopping);
  if (copied && ::rename(beside.c_str(), to.c_str()) != 0) copied = fail_errno(to.string(), errno);
  if (!copied) ::unlink(beside.c_str());
  return copied;
}

}  // namespace

Result<> copy_in(const fs::path& work, const std::vector<FileCopy>& files, const Stopping& stopping) {
  for (const FileCopy& file : files) {
    const auto to = inside(work, file.to);
    if (!to) return fail(to.error());
    if (auto copied = copy(file.from, *to, stopping); !copied) return copied;
  }
  return {};
}

Result<> copy_out(const fs::path& work, const std::vector<FileCopy>& files, const Stopping& stopping) {
  for (const FileCopy& file : files) {
    const auto from = inside(work, file.from);
    if (!from) return fail(from.error());
    if (auto copied = copy(*from, file.to, stopping); !copied) return copied;
  }
  return {};
}

Result<std::vector<FileFact>> list_files(const fs::path& work, const Stopping& stopping) {
  std::vector<FileFact> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(work, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (stopping) return fail(Code::cancelled, "the transport stops");
    struct stat facts {};
    if (::lstat(entry->path().c_str(), &facts) != 0) continue;  // gone meanwhile
    if (!S_ISREG(facts.st_mode) && !S_ISLNK(facts.st_mode)) continue;
    FileFact fact;
    fact.path = entry->path().lexically_relative(work).string();
    fact.size = static_cast<std::uint64_t>(facts.st_size);
    fact.mtime_ns = std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec;
    fact.mode = facts.st_mode & 07777;
    fact.symlink = S_ISLNK(facts.st_mode);
    files.push_back(std::move(fact));
  }
  if (error == std::errc::no_such_file_or_directory)
    return fail(Code::not_found, "no work folder " + work.string());
  if (error) return fail(Code::storage_failed, work.string() + ": " + error.message());
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

}  // namespace grid::local
