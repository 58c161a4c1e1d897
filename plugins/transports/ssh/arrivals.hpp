// Takes files as they come from a node: their bytes one after the other, then the checksum of all of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "disk.hpp"
#include "sha256.hpp"

namespace grid::ssh {

// [node's thread], but for the questions, which may be asked when everything has come.
class Arrivals {
 public:
  struct File {
    std::filesystem::path part;  // beside `to`
    std::filesystem::path to;
    std::uint64_t size = 0;
    std::uint64_t offset = 0;  // so many bytes are in the part
    std::uint32_t mode = 0;
    std::int64_t mtime_ns = 0;
  };
  explicit Arrivals(std::vector<File> files) : files_(std::move(files)) {}

  // Files get their names when the checksum has come and is right.
  [[nodiscard]] Result<> take(std::string_view bytes);
  // False: something else came than was announced.
  [[nodiscard]] bool placed() const { return placed_; }

 private:
  [[nodiscard]] Result<> fill(std::string_view& bytes);
  [[nodiscard]] Result<> place();

  std::vector<File> files_;
  std::size_t at_ = 0;
  std::uint64_t left_ = 0;
  Fd open_;
  Sha256 sum_;
  std::string sum_line_;
  bool placed_ = false;
};

}  // namespace grid::ssh
