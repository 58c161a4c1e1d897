#include "pieces.hpp"

#include <algorithm>

namespace grid::ssh {

void Pieces::push(Piece piece) {
  size_ += piece.left;
  pieces_.push_back(std::move(piece));
}

void Pieces::add(std::string bytes) {
  const std::uint64_t size = bytes.size();
  push({Piece::Kind::bytes, std::move(bytes), {}, size, 0});
}

void Pieces::add_summed(std::string bytes) {
  const std::uint64_t size = bytes.size();
  push({Piece::Kind::summed, std::move(bytes), {}, size, 0});
}

void Pieces::add_file(const std::filesystem::path& path, const DiskFile& facts, std::uint64_t offset) {
  push({Piece::Kind::file, path.string(), facts, facts.size - offset, offset});
}

void Pieces::add_sum() { push({Piece::Kind::sum, {}, {}, sum_line_bytes, 0}); }

Result<> Pieces::read(Piece& piece, std::size_t most, std::string& out) {
  if (piece.kind == Piece::Kind::file) {
    if (!file_) {
      auto opened = open_source(piece.bytes, piece.facts, piece.offset);
      if (!opened) return fail(opened.error());
      file_ = std::move(*opened);
    }
    const std::size_t before = out.size();
    if (piece.left > 0) {
      const auto n = read_some(file_, piece.bytes, std::min<std::uint64_t>(most, piece.left), out);
      if (!n) return fail(n.error());
      piece.left -= *n;
      last_file_bytes_ += *n;
      sum_.update(std::string_view(out).substr(before));
    }
    // Also when it has become shorter: the time tells.
    if (piece.left == 0 || out.size() == before) {
      if (auto same = check_source(file_, piece.bytes, piece.facts); !same) return same;
      if (piece.left > 0) return fail(Code::storage_failed, piece.bytes + " ends too early", {}, true);
    }
    return {};
  }
  if (piece.kind == Piece::Kind::sum && piece.bytes.empty()) piece.bytes = sum_.hex() + "\n";
  const std::size_t at = piece.bytes.size() - piece.left;
  const auto bytes = std::string_view(piece.bytes).substr(at, most);
  out += bytes;
  piece.left -= bytes.size();
  if (piece.kind == Piece::Kind::summed) sum_.update(bytes);
  return {};
}

Result<std::string> Pieces::next(std::size_t most) {
  std::string out;
  last_file_bytes_ = 0;
  while (!pieces_.empty() && out.size() < most) {
    Piece& piece = pieces_.front();
    if (auto got = read(piece, most - out.size(), out); !got) return fail(got.error());
    if (piece.left > 0) continue;
    file_.reset();
    pieces_.pop_front();
  }
  return out;
}

}  // namespace grid::ssh
