#include "procfs.hpp"

#include <algorithm>
#include <set>

#include "parse.hpp"

namespace grid::procfs {
namespace {

constexpr std::string_view block_folder = "/sys/block/";
constexpr std::string_view net_folder = "/sys/class/net/";
constexpr std::string_view device_link = "/device";

std::string_view content(const Reading& reading, std::string_view path) {
  const auto found = reading.content.find(path);
  return found != reading.content.end() ? std::string_view(found->second) : std::string_view();
}

// X of every <folder>X/device that is there.
std::set<std::string, std::less<>> names_with_device(const Reading& reading, std::string_view folder) {
  std::set<std::string, std::less<>> names;
  for (auto at = reading.content.lower_bound(folder);
       at != reading.content.end() && at->first.starts_with(folder); ++at) {
    std::string_view name = at->first;
    name.remove_prefix(folder.size());
    if (name.ends_with(device_link)) names.emplace(name.substr(0, name.size() - device_link.size()));
  }
  return names;
}

// Seconds between two readings; absent where rates mean nothing.
std::optional<double> seconds_between(const Reading* before, const Reading& now) {
  if (before == nullptr || now.taken <= before->taken) return std::nullopt;
  return std::chrono::duration<double>(now.taken - before->taken).count();
}

void sample_cpu(const Reading& now, const Reading* before, Sample& sample) {
  const auto times = parse_stat(content(now, "/proc/stat"));
  if (!times) return;
  if (times->cpus > 0) sample.cpus = times->cpus;
  const auto earlier = before != nullptr ? parse_stat(content(*before, "/proc/stat")) : std::nullopt;
  if (!earlier || times->total <= earlier->total || times->busy < earlier->busy) return;
  const auto share =
      static_cast<double>(times->busy - earlier->busy) / static_cast<double>(times->total - earlier->total);
  sample.cpu_fraction = std::min(share, 1.0);  // idle may run backwards by a little
}

struct Rate {
  std::string name;
  std::optional<double> in;
  std::optional<double> out;
};

std::optional<double> rate(std::uint64_t from, std::uint64_t to, double seconds) {
  if (to < from) return std::nullopt;  // reset, or another device under that name
  return static_cast<double>(to - from) / seconds;
}

std::vector<Rate> rates(const CountersByName& now, const CountersByName& before,
                        std::optional<double> seconds) {
  std::vector<Rate> list;
  for (const auto& [name, counters] : now) {
    Rate one{name, {}, {}};
    if (const auto earlier = before.find(name); seconds && earlier != before.end()) {
      one.in = rate(earlier->second.in, counters.in, *seconds);
      one.out = rate(earlier->second.out, counters.out, *seconds);
    }
    list.push_back(std::move(one));
  }
  return list;
}

void sample_disks(const Reading& now, const Reading* before, std::optional<double> seconds, Sample& sample) {
  auto disks = parse_diskstats(content(now, "/proc/diskstats"));
  const auto earlier =
      before != nullptr ? parse_diskstats(content(*before, "/proc/diskstats")) : CountersByName();
  const auto real = names_with_device(now, block_folder);
  std::erase_if(disks, [&](const auto& disk) { return !real.contains(disk.first); });
  for (auto& one : rates(disks, earlier, seconds))
    sample.disks.push_back({std::move(one.name), one.in, one.out});
}

void sample_nets(const Reading& now, const Reading* before, std::optional<double> seconds, Sample& sample) {
  auto nets = parse_net_dev(content(now, "/proc/net/dev"));
  const auto earlier =
      before != nullptr ? parse_net_dev(content(*before, "/proc/net/dev")) : CountersByName();
  // In a container the interfaces are its own and none is a device.
  const auto real = names_with_device(now, net_folder);
  std::erase_if(nets, [&](const auto& net) {
    return net.first == "lo" || (!real.empty() && !real.contains(net.first));
  });
  for (auto& one : rates(nets, earlier, seconds))
    sample.nets.push_back({std::move(one.name), one.in, one.out});
}

bool says_nothing(const Sample& sample) {
  const auto& p = sample.pressure;
  return !sample.cpus && !sample.cpu_fraction && !sample.load1 && !sample.runnable_threads &&
         !sample.memory_total_bytes && !sample.memory_available_bytes && !sample.swap_total_bytes &&
         !sample.swap_free_bytes && !sample.uptime_seconds && !p.cpu_some && !p.memory_some &&
         !p.memory_full && !p.io_some && !p.io_full && sample.disks.empty() && sample.nets.empty();
}

}  // namespace

Procfs::Procfs(Host& /*host*/) {}

Needs Procfs::needs() const {
  return {.files = {"/proc/stat", "/proc/meminfo", "/proc/loadavg", "/proc/uptime", "/proc/pressure/cpu",
                    "/proc/pressure/memory", "/proc/pressure/io", "/proc/diskstats", "/proc/net/dev"},
          .globs = {"/sys/block/*/device", "/sys/class/net/*/device"},
          .urls = {}};
}

Result<Sample> Procfs::sample(const Reading& now, const Reading* before) const {
  Sample sample;
  sample_cpu(now, before, sample);
  parse_meminfo(content(now, "/proc/meminfo"), sample);
  parse_loadavg(content(now, "/proc/loadavg"), sample);
  parse_uptime(content(now, "/proc/uptime"), sample);
  sample.pressure.cpu_some = parse_pressure(content(now, "/proc/pressure/cpu"), "some");
  sample.pressure.memory_some = parse_pressure(content(now, "/proc/pressure/memory"), "some");
  sample.pressure.memory_full = parse_pressure(content(now, "/proc/pressure/memory"), "full");
  sample.pressure.io_some = parse_pressure(content(now, "/proc/pressure/io"), "some");
  sample.pressure.io_full = parse_pressure(content(now, "/proc/pressure/io"), "full");
  const auto seconds = seconds_between(before, now);
  sample_disks(now, before, seconds, sample);
  sample_nets(now, before, seconds, sample);
  if (says_nothing(sample)) return fail(Code::not_found, "nothing of /proc could be understood");
  return sample;
}

}  // namespace grid::procfs

namespace {

constexpr std::span<const grid::OptionSpec> options;
constexpr const char* sample_yaml =
    R"(plugins:
  metrics.procfs: {}    # nothing to set: it reads /proc and a few links of /sys
)";

}  // namespace

GRID_PLUGIN(metrics, procfs, "1.0.0", "CPU, memory, load, pressure, disks and network of a node, from /proc.",
            grid::procfs::Procfs, options, sample_yaml)
