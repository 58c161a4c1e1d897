// Any bytes as a journal: refused, or read so that each record survives being written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "grid/sdk/run_directory.hpp"

namespace rd = grid::run_directory;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<rd::Record> records;
  const auto used = rd::decode_journal({reinterpret_cast<const char*>(data), size}, records);
  if (used && *used > size) std::abort();
  for (const auto& record : records) {
    const std::string line = rd::encode(record);
    if (line.empty() || line.back() != '\n') std::abort();
    const auto again = rd::decode_record(std::string_view(line).substr(0, line.size() - 1));
    if (!again || rd::encode(*again) != line) std::abort();
  }
  return 0;
}
