// Any bytes from a host, in pieces: the reader ends in an error or an answer, keeps what it was given, and
// never takes what is no mark for one. Byte 0 says how the rest is cut; a 0xFF byte switches the stream.
#include <cstdlib>

#include "answer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = 1U + data[0] % 16U;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  grid::ssh::AnswerReader reader("mk");
  reader.expect(nullptr);
  std::size_t fed = 0;
  bool err = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto piece = text.substr(at, std::min(step, text.substr(at).find('\xFF')));
    at += piece.size();
    if (at < text.size() && text[at] == '\xFF') {
      err = !err;
      ++at;
    }
    if (const auto fine = err ? reader.err(piece) : reader.out(piece); !fine) {
      if (fine.error().message.empty()) std::abort();
      return 0;
    }
    if (!err) fed += piece.size();
    if (reader.complete()) {
      const grid::ssh::Answer answer = reader.take();
      if (answer.output.size() > fed || answer.output.find("\036mk") != std::string::npos) std::abort();
      if (grid::ssh::error_of(answer, "verb").message.empty()) std::abort();
      reader.expect(nullptr);
      fed = 0;
    }
  }
  return 0;
}
