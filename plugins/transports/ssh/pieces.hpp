// The body of a request, made of bytes and files, read as it is sent.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>

#include "disk.hpp"
#include "sha256.hpp"

namespace grid::ssh {

// Put together on the loop, then next() on the node's thread until the end.
class Pieces {
 public:
  void add(std::string bytes);
  // Counts for the checksum, as files do.
  void add_summed(std::string bytes);
  void add_file(const std::filesystem::path& path, const DiskFile& facts, std::uint64_t offset = 0);
  // A line with the checksum of what came before.
  void add_sum();

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Up to `most` bytes. An error when a file cannot be read or changed meanwhile.
  [[nodiscard]] Result<std::string> next(std::size_t most);
  // Of files' bytes in the last piece.
  [[nodiscard]] std::uint64_t last_file_bytes() const { return last_file_bytes_; }
  // When all has been read, and without add_sum().
  [[nodiscard]] std::string sum() { return sum_.hex(); }

  static constexpr std::uint64_t sum_line_bytes = 65;

 private:
  struct Piece {
    enum class Kind { bytes, summed, file, sum } kind = Kind::bytes;
    std::string bytes;  // of a file: its path
    DiskFile facts;
    std::uint64_t left = 0;
    std::uint64_t offset = 0;
  };
  void push(Piece piece);
  [[nodiscard]] Result<> read(Piece& piece, std::size_t most, std::string& out);

  std::deque<Piece> pieces_;
  std::uint64_t size_ = 0;
  std::uint64_t last_file_bytes_ = 0;
  Sha256 sum_;
  Fd file_;
};

}  // namespace grid::ssh
