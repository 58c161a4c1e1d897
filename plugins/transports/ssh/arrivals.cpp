#include "arrivals.hpp"

#include <algorithm>

namespace grid::ssh {
namespace {

constexpr std::size_t sum_digits = 64;
constexpr std::string_view after_sum = "  -\n";

}  // namespace

Result<> Arrivals::take(std::string_view bytes) {
  while (at_ < files_.size() && (!bytes.empty() || files_[at_].size == files_[at_].offset)) {
    if (auto filled = fill(bytes); !filled) return filled;
  }
  // What is longer than announced is not kept: it only has to be noticed.
  const std::size_t room = sum_digits + after_sum.size() + 1 - sum_line_.size();
  sum_line_ += bytes.substr(0, room);
  if (sum_line_.size() < sum_digits + after_sum.size() || placed_) {
    placed_ = false;
    return {};
  }
  if (sum_line_ != sum_.hex() + std::string(after_sum)) return {};
  return place();
}

Result<> Arrivals::fill(std::string_view& bytes) {
  const File& file = files_[at_];
  if (!open_) {
    auto opened = open_part(file.part, file.offset);
    if (!opened) return fail(opened.error());
    open_ = std::move(*opened);
    left_ = file.size - file.offset;
  }
  const auto piece = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
  if (auto written = write_part(open_, file.part, piece); !written) return written;
  sum_.update(piece);
  bytes.remove_prefix(piece.size());
  left_ -= piece.size();
  if (left_ > 0) return {};
  if (auto timed = set_time(open_, file.part, file.mtime_ns); !timed) return timed;
  open_.reset();
  ++at_;
  return {};
}

// All go down to the disk before the first is renamed: then the file system has to do it once.
Result<> Arrivals::place() {
  std::vector<std::filesystem::path> parts;
  for (const File& file : files_) parts.push_back(file.part);
  if (auto synced = sync_parts(parts); !synced) return synced;
  for (const File& file : files_) {
    if (auto placed = place_part(file.part, file.to, file.mode); !placed) return placed;
  }
  placed_ = true;
  return {};
}

}  // namespace grid::ssh
