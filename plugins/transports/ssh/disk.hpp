// The head's own disk, as copying needs it. Everything here blocks: the node's thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/result.hpp"

namespace grid::ssh {

struct DiskFile {
  std::uint32_t mode = 0;  // st_mode, type and all
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
};

// not_found, or storage_failed with a hint where the disk is full.
[[nodiscard]] tl::unexpected<Error> disk_error(const std::string& what, int error);
// Without following a link; nothing: there is nothing of that name.
[[nodiscard]] std::optional<DiskFile> look(const std::filesystem::path& path);
// The checksum of up to `length` bytes of `path` from `offset` on.
[[nodiscard]] Result<std::string> slice_sum(const std::filesystem::path& path, std::uint64_t offset,
                                            std::uint64_t length);
// A link that one of the last `depth` folders above `path` is; empty: none. What came from a node may have
// made it.
[[nodiscard]] std::filesystem::path link_above(const std::filesystem::path& path, std::size_t depth);

// storage_failed (retryable): the open `file` is not what `facts` says any more.
[[nodiscard]] Result<> check_source(const Fd& file, const std::filesystem::path& path, const DiskFile& facts);
// Opens the regular file `path` at `offset`, and checks it.
[[nodiscard]] Result<Fd> open_source(const std::filesystem::path& path, const DiskFile& facts,
                                     std::uint64_t offset);
// Appends up to `most` bytes to `out`; 0: the end.
[[nodiscard]] Result<std::size_t> read_some(const Fd& file, const std::filesystem::path& path,
                                            std::size_t most, std::string& out);

// Opens the file `part` for writing behind its first `keep` bytes, and makes the folder above.
[[nodiscard]] Result<Fd> open_part(const std::filesystem::path& part, std::uint64_t keep);
[[nodiscard]] Result<> write_part(const Fd& file, const std::filesystem::path& part, std::string_view bytes);
[[nodiscard]] Result<> set_time(const Fd& file, const std::filesystem::path& part, std::int64_t mtime_ns);
// Down to the disk: one by one, or many at once with all else that their file systems hold, for that is a
// hundred times quicker.
[[nodiscard]] Result<> sync_parts(const std::vector<std::filesystem::path>& parts);
// Gives it its mode and its name.
[[nodiscard]] Result<> place_part(const std::filesystem::path& part, const std::filesystem::path& to,
                                  std::uint32_t mode);

[[nodiscard]] Result<> make_folders(const std::filesystem::path& path);
[[nodiscard]] Result<> set_mode(const std::filesystem::path& path, std::uint32_t mode);
// Beside and renamed.
[[nodiscard]] Result<> make_link(const std::filesystem::path& part, const std::string& target,
                                 const std::filesystem::path& to);

}  // namespace grid::ssh
