// The plugins that the tests of the configuration believe in.
#pragma once

#include <array>

#include "core/config/load.hpp"

namespace grid {

inline constexpr std::array threshold_options{
    OptionSpec{.name = "cpu_high",
               .type = OptionType::number,
               .default_text = "0.85",
               .doc = "High mark.",
               .unit = "fraction",
               .minimum = 0,
               .maximum = 1},
    OptionSpec{.name = "cpu_low",
               .type = OptionType::number,
               .default_text = "0.60",
               .doc = "Low mark.",
               .unit = "fraction",
               .minimum = 0,
               .maximum = 1},
    OptionSpec{.name = "memory_high",
               .type = OptionType::number,
               .default_text = "0.90",
               .doc = "High mark.",
               .unit = "fraction",
               .minimum = 0,
               .maximum = 1},
    OptionSpec{.name = "memory_low",
               .type = OptionType::number,
               .default_text = "0.80",
               .doc = "Low mark.",
               .unit = "fraction",
               .minimum = 0,
               .maximum = 1},
    OptionSpec{.name = "pressure_high",
               .type = OptionType::number,
               .default_text = "0.40",
               .doc = "High mark.",
               .minimum = 0,
               .maximum = 1},
    OptionSpec{.name = "pressure_low",
               .type = OptionType::number,
               .default_text = "0.20",
               .doc = "Low mark.",
               .minimum = 0,
               .maximum = 1},
    OptionSpec{.name = "gpu_high",
               .type = OptionType::number,
               .default_text = "0.90",
               .doc = "High mark.",
               .minimum = 0,
               .maximum = 1},
    OptionSpec{.name = "gpu_low",
               .type = OptionType::number,
               .default_text = "0.70",
               .doc = "Low mark.",
               .minimum = 0,
               .maximum = 1},
    OptionSpec{.name = "sustain",
               .type = OptionType::duration,
               .default_text = "20s",
               .doc = "How long.",
               .maximum = 3600},
};
// One option of each type.
inline constexpr std::array zoo_options{
    OptionSpec{.name = "flag", .type = OptionType::boolean, .default_text = "false", .doc = "A flag."},
    OptionSpec{
        .name = "count", .type = OptionType::integer, .default_text = "1", .doc = "A count.", .minimum = 0},
    OptionSpec{.name = "ratio", .type = OptionType::number, .default_text = "0.5", .doc = "A ratio."},
    OptionSpec{.name = "title", .type = OptionType::text, .default_text = "", .doc = "A title."},
    OptionSpec{.name = "wait", .type = OptionType::duration, .default_text = "1s", .doc = "A time."},
    OptionSpec{
        .name = "room", .type = OptionType::size, .default_text = "1M", .doc = "A size.", .maximum = 1 << 30},
    OptionSpec{.name = "mode",
               .type = OptionType::choice,
               .default_text = "fast",
               .doc = "A mode.",
               .choices = "fast|slow"},
    OptionSpec{.name = "files", .type = OptionType::list, .default_text = "", .doc = "Some files."},
};

inline Result<std::span<const OptionSpec>> test_lookup(Kind kind, std::string_view name) {
  if (kind == Kind::policy && name == "threshold") return std::span<const OptionSpec>(threshold_options);
  if (kind == Kind::renderer && name == "zoo") return std::span<const OptionSpec>(zoo_options);
  if (kind == Kind::metrics && (name == "procfs" || name == "sysfs_gpu"))
    return std::span<const OptionSpec>();
  if (kind == Kind::transport && (name == "local" || name == "ssh")) return std::span<const OptionSpec>();
  return fail(Code::not_found,
              "there is no " + std::string(to_string(kind)) + " plugin '" + std::string(name) + "'",
              "see: grid plugin list");
}

inline LoadResult load_text(std::string text, std::string_view host = "desk") {
  return load_config_texts({{"f", std::move(text)}}, host, test_lookup);
}

}  // namespace grid
