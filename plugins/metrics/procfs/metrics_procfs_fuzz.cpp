#include "parse.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto times = grid::procfs::parse_stat(text);
  (void)times;
  grid::Sample sample;
  grid::procfs::parse_meminfo(text, sample);
  grid::procfs::parse_loadavg(text, sample);
  grid::procfs::parse_uptime(text, sample);
  const auto pressure = grid::procfs::parse_pressure(text, "some");
  if (pressure && !(*pressure >= 0 && *pressure <= 1)) __builtin_trap();
  (void)grid::procfs::parse_diskstats(text);
  (void)grid::procfs::parse_net_dev(text);
  return 0;
}
