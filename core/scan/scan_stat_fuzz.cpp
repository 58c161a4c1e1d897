#include "core/scan/process_row.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  grid::ProcessRow row;
  if (grid::parse_stat({reinterpret_cast<const char*>(data), size}, row) && row.pid <= 0) __builtin_trap();
  return 0;
}
