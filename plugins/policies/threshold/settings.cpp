#include "settings.hpp"

#include <array>
#include <string>

#include "figures.hpp"

namespace grid::threshold {
namespace {

constexpr OptionSpec fraction(std::string_view name, std::string_view value, std::string_view doc) {
  return {name, OptionType::number, value, doc, "fraction", 0, 1};
}

constexpr std::array specs{
    fraction("cpu_high", "0.85", "The head's CPU is pressed from this share on."),
    fraction("cpu_low", "0.60", "… until it is below this share; moves aim at it."),
    fraction("memory_high", "0.90", "The head's memory is pressed from this share on."),
    fraction("memory_low", "0.80", "… until it is below this share."),
    fraction("pressure_high", "0.50",
             "The share of time in which some task waited for a CPU (PSI), from which on it presses."),
    fraction("pressure_low", "0.25", "… until it is below this share."),
    fraction("gpu_high", "0.95", "The busiest GPU of the head is pressed from this share on."),
    fraction("gpu_low", "0.80", "… until it is below this share."),
    OptionSpec{"sustain", OptionType::duration, "20s", "How long a figure must stay above its high mark.",
               "seconds", 0, 86400},
    OptionSpec{"headroom_cpus", OptionType::number, "0.0", "CPUs kept free on each worker.", "CPUs", 0, 4096},
    OptionSpec{"headroom_memory", OptionType::size, "512M", "Memory kept free on each worker.", "bytes", 0},
    OptionSpec{"cooldown", OptionType::duration, "10m",
               "How long a process that came back from a move stays put.", "seconds", 0, 2592000},
};

Result<Marks> read_marks(const Options& options, const std::string& name) {
  const Marks marks{options.number(name + "_high"), options.number(name + "_low")};
  if (marks.low < marks.high) return marks;
  return fail(Code::config_invalid,
              name + "_low (" + fixed(marks.low, 2) + ") must be below " + name + "_high (" +
                  fixed(marks.high, 2) + ")",
              "keep the marks apart, for example 0.60 and 0.85: close ones make decisions flap");
}

}  // namespace

std::span<const OptionSpec> option_specs() noexcept { return specs; }

const char* sample_yaml() noexcept {
  return R"(plugins:
  policy.threshold:
    cpu_high: 0.85          # the head is busy from here on ...
    cpu_low: 0.60           # ... until it is below this
    memory_high: 0.90
    memory_low: 0.80
    sustain: 20s            # a short peak moves nothing
    headroom_cpus: 0.5      # kept free on each worker
    headroom_memory: 512M
    cooldown: 10m           # a process that came back stays for so long
)";
}

Result<Settings> read_settings(const Options& options) {
  Settings settings;
  const std::array<std::pair<const char*, Marks*>, 4> all{{{"cpu", &settings.cpu},
                                                           {"memory", &settings.memory},
                                                           {"pressure", &settings.pressure},
                                                           {"gpu", &settings.gpu}}};
  for (const auto& [name, marks] : all) {
    auto read = read_marks(options, name);
    if (!read) return fail(std::move(read.error()));
    *marks = *read;
  }
  settings.sustain_seconds = options.number("sustain");
  settings.headroom_cpus = options.number("headroom_cpus");
  settings.headroom_memory_bytes = static_cast<std::uint64_t>(options.integer("headroom_memory"));
  settings.cooldown_seconds = options.number("cooldown");
  return settings;
}

}  // namespace grid::threshold
