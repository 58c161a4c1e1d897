#include "core/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace grid {

std::string errno_text(int error) { return std::generic_category().message(error); }

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const Code code = errno == ENOENT ? Code::not_found : Code::storage_failed;
    return fail(code, "cannot read " + path.string() + ": " + errno_text(errno));
  }
  std::string content;
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got == 0) return content;
    if (got < 0) {
      if (errno == EINTR) continue;
      return fail(Code::storage_failed, "cannot read " + path.string() + ": " + errno_text(errno));
    }
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > max_bytes)
      return fail(Code::usage, path.string() + " is larger than " + std::to_string(max_bytes) + " bytes");
  }
}

namespace {

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t put = ::write(fd, content.data(), content.size());
    if (put < 0 && errno != EINTR) return false;
    if (put > 0) content.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace

Result<> write_file(const std::filesystem::path& path, std::string_view content, std::uint32_t mode) {
  const std::string beside = path.string() + ".new-" + std::to_string(::getpid());
  const auto failed = [&](int error) {
    ::unlink(beside.c_str());
    return fail(Code::storage_failed, "cannot write " + path.string() + ": " + errno_text(error));
  };
  Fd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd) return failed(errno);
  if (!write_all(fd.get(), content) || ::fsync(fd.get()) != 0) return failed(errno);
  fd.reset();
  if (::rename(beside.c_str(), path.c_str()) != 0) return failed(errno);
  const Fd folder(::open(path.parent_path().empty() ? "." : path.parent_path().c_str(),
                         O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) ::fsync(folder.get());
  return {};
}

Result<> make_private_folder(const std::filesystem::path& path) {
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(Code::storage_failed, "cannot make the folder " + path.string() + ": " + errno_text(errno),
                "choose another place with GRID_STATE_DIR");
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0)
    return fail(Code::storage_failed, "cannot look at " + path.string() + ": " + errno_text(errno));
  if (!S_ISDIR(facts.st_mode))
    return fail(Code::policy_denied,
                path.string() + " is not a folder" + (S_ISLNK(facts.st_mode) ? " but a symbolic link" : ""),
                "remove it, or choose another place");
  if (facts.st_uid != ::geteuid())
    return fail(Code::policy_denied, path.string() + " belongs to another user", "choose another place");
  if ((facts.st_mode & 0022U) != 0)
    return fail(Code::policy_denied, path.string() + " may be written by others",
                "chmod 0700 " + path.string());
  return {};
}

}  // namespace grid
