#include "core/config/trusted_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "grid/sdk/fd.hpp"

namespace grid {
namespace fs = std::filesystem;
namespace {

tl::unexpected<Error> refuse(std::string message, std::string hint = {}) {
  return fail(Code::config_invalid, std::move(message), std::move(hint));
}

bool is_ours(const struct stat& info) { return info.st_uid == 0 || info.st_uid == ::geteuid(); }

Result<> check_folder(const fs::path& folder) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0)
    return refuse(fmt::format("cannot look at the folder '{}': {}", folder.string(), errno_text(errno)));
  if ((info.st_mode & S_ISVTX) != 0) return {};  // only the owner of a file can replace it
  if (!is_ours(info))
    return refuse(
        fmt::format("its folder '{}' belongs to another user (uid {})", folder.string(), info.st_uid),
        "move the file to a folder of your own");
  if ((info.st_mode & S_IWOTH) != 0)
    return refuse(fmt::format("others may write to its folder '{}' (mode {:04o})", folder.string(),
                              info.st_mode & 07777U),
                  fmt::format("chmod o-w '{}'", folder.string()));
  return {};
}

Result<> check_file(int fd, const fs::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return refuse(errno_text(errno));
  if (!S_ISREG(info.st_mode)) return refuse("not a regular file");
  if (!is_ours(info))
    return refuse(fmt::format("it belongs to another user (uid {})", info.st_uid),
                  fmt::format("chown {} '{}'", ::geteuid(), path.string()));
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return refuse(fmt::format("others may write to it (mode {:04o})", info.st_mode & 07777U),
                  fmt::format("chmod go-w '{}'", path.string()));
  return {};
}

}  // namespace

Result<std::string> read_trusted_file(const fs::path& path, std::size_t max_bytes) {
  // Not blocking: a named pipe is refused below, not waited for.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    const int error = errno;
    if (error == ENOENT) return fail(Code::not_found, "no such file");
    return refuse(fmt::format("cannot be read: {}", errno_text(error)));
  }
  if (auto good = check_file(fd.get(), path); !good) return fail(good.error());
  std::error_code error;
  const fs::path real = fs::read_symlink(fmt::format("/proc/self/fd/{}", fd.get()), error);
  for (const fs::path& file : {fs::absolute(path, error), real})
    if (auto good = check_folder(file.parent_path()); !good) return fail(good.error());

  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse(fmt::format("cannot be read: {}", errno_text(errno)));
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > max_bytes) return content;  // what is too large is the reader's to refuse
  }
}

}  // namespace grid
