// Parsers of the files of /proc that describe a node. Pure; any bytes are answered, what is not understood is
// absent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "grid/sdk/model.hpp"

namespace grid::procfs {

struct CpuTimes {
  std::uint32_t cpus = 0;   // that are online
  std::uint64_t total = 0;  // ticks
  std::uint64_t busy = 0;   // total less idle and iowait
};
[[nodiscard]] std::optional<CpuTimes> parse_stat(std::string_view text);

void parse_meminfo(std::string_view text, Sample& sample);
void parse_loadavg(std::string_view text, Sample& sample);
void parse_uptime(std::string_view text, Sample& sample);
// The avg10 of one line ("some", "full") as a fraction.
[[nodiscard]] std::optional<double> parse_pressure(std::string_view text, std::string_view line);

struct Counters {
  std::uint64_t in = 0;   // bytes read or received
  std::uint64_t out = 0;  // bytes written or sent
};
using CountersByName = std::map<std::string, Counters, std::less<>>;
[[nodiscard]] CountersByName parse_diskstats(std::string_view text);
[[nodiscard]] CountersByName parse_net_dev(std::string_view text);

}  // namespace grid::procfs
