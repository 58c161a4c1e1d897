// What a node says about files (the verbs copy_facts and copy_list of scripts/copy.sh), and which paths are
// inside a work folder. [any] Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "grid/sdk/result.hpp"

namespace grid::ssh {

struct NodeFile {
  std::string path;  // relative to the work folder
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::uint32_t mode = 0;  // st_mode, type and all
};

// Takes the answer as it comes.
class FileReader {
 public:
  explicit FileReader(std::function<void(NodeFile)> each) : each_(std::move(each)) {}
  // storage_failed: not what the verbs print.
  [[nodiscard]] Result<> take(std::string_view bytes);
  // The end of the list was seen.
  [[nodiscard]] bool complete() const { return complete_; }
  // Of the file system of the work folder, where it was told.
  [[nodiscard]] std::optional<std::uint64_t> free_bytes() const { return free_bytes_; }

 private:
  [[nodiscard]] bool take_record(std::string_view record);

  std::function<void(NodeFile)> each_;
  std::string rest_;
  bool complete_ = false;
  std::optional<std::uint64_t> free_bytes_;
};

// One record without its end.
[[nodiscard]] std::optional<NodeFile> parse_node_file(std::string_view record);

// `relative` in its shortest form. usage: empty, absolute, with `..` or NUL in it.
[[nodiscard]] Result<std::string> inside(const std::string& relative);
// Adds the folders that lead to `path`.
void add_parents(std::string_view path, std::set<std::string>& folders);
[[nodiscard]] tl::unexpected<Error> outside(const std::string& path);

// Some file systems and tools keep whole seconds only.
[[nodiscard]] bool same_time(std::int64_t a_ns, std::int64_t b_ns);

}  // namespace grid::ssh
