// Writes tar archives that GNU tar and busybox's unpack alike: ustar, GNU's long names, which both know, and
// one pax record for the nanoseconds, which busybox's skips. [any] Pure.
#pragma once

#include <cstdint>
#include <string>

namespace grid::ssh {

struct TarEntry {
  enum class Kind { file, folder, symlink };
  Kind kind = Kind::file;
  std::string name;
  std::string target;      // of a symlink
  std::uint64_t size = 0;  // of a file; below 8 GiB
  std::uint32_t mode = 0;
  std::int64_t mtime_ns = 0;
};

// All blocks before the content.
[[nodiscard]] std::string tar_header(const TarEntry& entry);
// What fills the last block of `size` bytes of content.
[[nodiscard]] std::string tar_padding(std::uint64_t size);
[[nodiscard]] std::string tar_end();

}  // namespace grid::ssh
