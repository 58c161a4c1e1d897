// Any bytes as a spec: refused, or read so that writing and reading it again gives the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "grid/sdk/run_directory.hpp"

namespace rd = grid::run_directory;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto spec = rd::decode_spec({reinterpret_cast<const char*>(data), size});
  if (!spec) return 0;
  const std::string text = rd::encode(*spec);
  const auto again = rd::decode_spec(text);
  if (!again || rd::encode(*again) != text) std::abort();
  return 0;
}
