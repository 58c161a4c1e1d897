// What of a working folder travels to the target. Blocks on the disk: run it on the pool. [any]
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/move/ignore.hpp"

namespace grid {

struct StageRules {
  IgnoreRules ignore;  // on top of the folder's own .gridignore
  std::uint64_t max_bytes = std::uint64_t{1} << 30U;
  std::uint64_t max_files = 100'000;
};

struct ManifestEntry {
  enum class Kind {
    file,
    symlink,
    folder
  };                 // folder: only where nothing in it travels; others come with their files
  std::string path;  // relative to the folder, bytes
  Kind kind = Kind::file;
  std::uint64_t size = 0;  // of a symbolic link: the length of its target
  std::int64_t mtime_ns = 0;
  std::uint32_t mode = 0;  // permission bits
  std::string target;      // of a symbolic link, never followed
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

struct Manifest {
  std::vector<ManifestEntry> entries;  // by path, in order of bytes
  std::uint64_t bytes = 0;
  std::vector<std::string> notes;  // what stays behind or deserves a word; control characters made visible
  [[nodiscard]] const ManifestEntry* find(const std::string& path) const;
};

// preflight_failed: more than the rules allow; the count stops there, so the sizes named are "at least".
// config_invalid: .gridignore. not_found: no such folder.
[[nodiscard]] Result<Manifest> make_manifest(const std::filesystem::path& cwd, const StageRules& rules);

// Whether a folder may be staged at all. Never: /, a home directory itself, /tmp and /var/tmp themselves, the
// folders of the system. `reason` says why not.
struct StageScope {
  bool allowed = false;
  std::string reason;
};
[[nodiscard]] StageScope stage_scope(const std::filesystem::path& cwd, const std::filesystem::path& home);

// An empty file with a random name in the folder; a target that sees it under the same path shares the
// folder. Destroying it removes it. storage_failed: the folder is not writable.
class Marker {
 public:
  static Result<Marker> make(const std::filesystem::path& cwd);
  Marker(Marker&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Marker& operator=(Marker&& other) noexcept;
  ~Marker();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit Marker(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// "3.2 GiB", "17 bytes".
[[nodiscard]] std::string size_text(std::uint64_t bytes);

}  // namespace grid
