#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "memory.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::int64_t now_ms = 1'000'000;
  const auto memory = grid::threshold::parse_memory(text, now_ms);
  if (!memory) return 0;
  // What is understood once is printed in a form that is understood again, and prints the same.
  const std::string printed = grid::threshold::print_memory(*memory);
  const auto again = grid::threshold::parse_memory(printed, now_ms);
  if (!again || grid::threshold::print_memory(*again) != printed) std::abort();
  return 0;
}
