#include "parse.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace grid::procfs {
namespace {

// Takes the next whole line. A last line without its end may have lost digits and is not one.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const auto word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

template <class Number>
std::optional<Number> number(std::string_view word) {
  Number value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// Numbers until the end of the line; absent when something else stands there.
std::optional<std::vector<std::uint64_t>> numbers(std::string_view line) {
  std::vector<std::uint64_t> values;
  for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
    const auto value = number<std::uint64_t>(word);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

// A share or an average: not negative, and a number at all.
std::optional<double> figure(std::string_view word) {
  const auto value = number<double>(word);
  return value && *value >= 0 && *value < 1e15 ? value : std::nullopt;
}

}  // namespace

std::optional<CpuTimes> parse_stat(std::string_view text) {
  CpuTimes times;
  bool known = false;
  while (auto line = take_line(text)) {
    const auto name = take_word(*line);
    if (!name.starts_with("cpu")) continue;
    if (name != "cpu") {
      ++times.cpus;
      continue;
    }
    // user nice system idle iowait irq softirq steal, and guest times that are inside the first two. Old
    // kernels: fewer.
    const auto values = numbers(*line);
    if (!values || values->size() < 4) return std::nullopt;
    const auto at = [&](std::size_t i) { return i < values->size() ? (*values)[i] : 0; };
    for (std::size_t i = 0; i < 8; ++i) times.total += at(i);
    times.busy = times.total - at(3) - at(4);
    known = true;
  }
  return known ? std::optional(times) : std::nullopt;
}

void parse_meminfo(std::string_view text, Sample& sample) {
  std::map<std::string_view, std::uint64_t> bytes;
  while (auto line = take_line(text)) {
    auto key = take_word(*line);
    const auto value = number<std::uint64_t>(take_word(*line));
    if (!value || !key.ends_with(':') || take_word(*line) != "kB") continue;
    key.remove_suffix(1);
    bytes.emplace(key, *value * 1024);
  }
  const auto at = [&](std::string_view key) -> std::optional<std::uint64_t> {
    const auto found = bytes.find(key);
    return found != bytes.end() ? std::optional(found->second) : std::nullopt;
  };
  sample.memory_total_bytes = at("MemTotal");
  sample.memory_available_bytes = at("MemAvailable");
  sample.swap_total_bytes = at("SwapTotal");
  sample.swap_free_bytes = at("SwapFree");
  if (sample.memory_available_bytes) return;
  const auto free = at("MemFree");
  const auto buffers = at("Buffers");
  const auto cached = at("Cached");  // with what is shared, which nobody can reclaim
  if (!free || !buffers || !cached) return;
  const auto shared = at("Shmem").value_or(0);
  const auto sum = *free + *buffers + *cached + at("SReclaimable").value_or(0);
  sample.memory_available_bytes = sum > shared ? sum - shared : 0;
}

void parse_loadavg(std::string_view text, Sample& sample) {
  auto line = take_line(text);
  if (!line) return;
  sample.load1 = figure(take_word(*line));
  take_word(*line);
  take_word(*line);
  const auto threads = take_word(*line);  // runnable/all
  const auto slash = threads.find('/');
  if (slash != std::string_view::npos)
    sample.runnable_threads = number<std::uint32_t>(threads.substr(0, slash));
}

void parse_uptime(std::string_view text, Sample& sample) {
  if (auto line = take_line(text)) sample.uptime_seconds = figure(take_word(*line));
}

std::optional<double> parse_pressure(std::string_view text, std::string_view wanted) {
  constexpr std::string_view key = "avg10=";
  while (auto line = take_line(text)) {
    if (take_word(*line) != wanted) continue;
    const auto word = take_word(*line);
    if (!word.starts_with(key)) return std::nullopt;
    const auto percent = figure(word.substr(key.size()));
    return percent && *percent <= 100 ? std::optional(*percent / 100) : std::nullopt;
  }
  return std::nullopt;
}

CountersByName parse_diskstats(std::string_view text) {
  constexpr std::uint64_t sector_bytes = 512;  // whatever the disk's own
  CountersByName disks;
  while (auto line = take_line(text)) {
    take_word(*line);
    take_word(*line);
    const auto name = take_word(*line);
    // reads, merged, sectors, ms; writes the same; and more that differs by kernel
    const auto values = numbers(*line);
    if (name.empty() || !values || values->size() < 11) continue;
    disks.insert_or_assign(std::string(name),
                           Counters{(*values)[2] * sector_bytes, (*values)[6] * sector_bytes});
  }
  return disks;
}

CountersByName parse_net_dev(std::string_view text) {
  CountersByName nets;
  while (auto line = take_line(text)) {
    const auto colon =
        line->rfind(':');  // the two header lines have none; the name of an alias may have one more
    if (colon == std::string_view::npos) continue;
    auto name = line->substr(0, colon);
    const auto values = numbers(line->substr(colon + 1));
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    if (name.empty() || !values || values->size() < 16) continue;
    nets.insert_or_assign(std::string(name), Counters{(*values)[0], (*values)[8]});
  }
  return nets;
}

}  // namespace grid::procfs
