#include "core/scan/proc_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

namespace grid {

std::string proc_name(std::int32_t pid, std::string_view file) {
  return std::to_string(pid).append("/").append(file);
}

ProcText read_proc(int proc, std::int32_t pid, std::string_view file, std::size_t max_bytes) {
  const Fd fd(::openat(proc, proc_name(pid, file).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  std::string bytes;
  std::array<char, 16384> buffer;
  for (;;) {
    const auto got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {};
    if (got == 0) return {std::move(bytes), false};
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
    if (bytes.size() <= max_bytes) continue;
    bytes.resize(max_bytes);
    return {std::move(bytes), true};
  }
}

std::optional<std::string> read_proc_link(int proc, std::int32_t pid, std::string_view file) {
  std::array<char, 4096> target;
  const auto size = ::readlinkat(proc, proc_name(pid, file).c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(size));
}

std::optional<std::vector<std::string>> list_proc(int proc, std::int32_t pid, std::string_view folder,
                                                  std::size_t max_names) {
  Fd fd(::openat(proc, proc_name(pid, folder).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()), ::closedir);
  if (!stream) return std::nullopt;
  (void)fd.release();  // the stream owns it now
  std::vector<std::string> names;
  errno = 0;
  while (names.size() < max_names) {
    const auto* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  if (errno != 0) return std::nullopt;
  return names;
}

}  // namespace grid
