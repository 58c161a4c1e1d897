#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "file_list.hpp"

namespace {

struct Seen {
  std::vector<grid::ssh::NodeFile> files;
  bool good = true;
  bool complete = false;
};

Seen read(std::string_view text, std::size_t piece) {
  Seen seen;
  grid::ssh::FileReader reader([&seen](grid::ssh::NodeFile file) { seen.files.push_back(std::move(file)); });
  for (std::size_t at = 0; at < text.size() && seen.good; at += piece) {
    seen.good = reader.take(text.substr(at, piece)).has_value();
  }
  seen.complete = reader.complete();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Whatever the node says, it means the same in pieces of any size.
  const Seen whole = read(text, text.size() + 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
    const Seen again = read(text, piece);
    // What is garbled is noticed after more or less of what is good.
    if (again.good != whole.good || again.complete != whole.complete) std::abort();
    if (whole.good && again.files.size() != whole.files.size()) std::abort();
  }
  for (const auto& file : whole.files) {
    if (file.path.empty() || file.path.find("//\n") != std::string::npos) std::abort();
  }
  // A path that is taken as inside stays what it is.
  const auto path = grid::ssh::inside(std::string(text));
  if (!path) return 0;
  const auto again = grid::ssh::inside(*path);
  if (!again || *again != *path || path->front() == '/' || path->back() == '/') std::abort();
  return 0;
}
