// Options as data: a plugin lists what it understands, the host checks the YAML against that list, prints it
// (`grid plugin info`) and makes the JSON Schema for editors from it. A plugin only ever sees checked values.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/result.hpp"
#include "grid/sdk/value.hpp"

namespace grid {

enum class OptionType {
  boolean,   // true | false                          → bool
  integer,   // 42                                    → int64_t
  number,    // 0.85                                  → double
  text,      // any string                            → string
  duration,  // 20s, 5m, 2h, 500ms (unit required)    → double, seconds
  size,      // 8G, 512M, 1048576 (powers of 1024)    → int64_t, bytes
  choice,    // one of `choices`                      → string
  list,      // a sequence of strings                 → vector<string>
};

// Constant data. All views must live as long as the library (string literals do).
struct OptionSpec {
  std::string_view name;  // snake_case
  OptionType type = OptionType::text;
  std::string_view default_text;  // as it would be written in YAML; empty for list: no elements
  std::string_view doc;           // one sentence
  std::string_view unit = {};     // for people: "fraction", "seconds"
  double minimum = -std::numeric_limits<double>::infinity();  // of numbers, durations (s) and sizes (bytes)
  double maximum = std::numeric_limits<double>::infinity();
  std::string_view choices = {};  // of a choice: "a|b|c"
};

// [any] "true", "0.85", "20s", "8G" by the option's type, range checked. A list takes one element per call of
// the host; here text is the single element. Error: usage, with what was expected.
[[nodiscard]] GRID_SDK Result<Value> parse_option(const OptionSpec& spec, std::string_view text);
// [any] "90s" → 90.0; a unit is required (ms, s, m, h, d).
[[nodiscard]] GRID_SDK Result<double> parse_duration(std::string_view text);
// [any] "8G" → bytes; K, M, G, T, with or without "iB"/"B", are powers of 1024; no unit means bytes.
[[nodiscard]] GRID_SDK Result<std::int64_t> parse_size(std::string_view text);
// [any] The values of all options at their defaults. The defaults of a correct list parse; one that does not
// is left out.
[[nodiscard]] GRID_SDK Values default_values(std::span<const OptionSpec> specs);

// Checked values by name. Asking for a name or type that was not declared is a defect of the plugin and
// throws std::logic_error, which the host's fence turns into a plugin fault.
class GRID_SDK Options {
 public:
  Options() = default;
  explicit Options(Values values) : values_(std::move(values)) {}
  [[nodiscard]] bool boolean(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;     // integer, size
  [[nodiscard]] double number(std::string_view name) const;            // number, duration, integer
  [[nodiscard]] const std::string& text(std::string_view name) const;  // text, choice
  [[nodiscard]] const std::vector<std::string>& list(std::string_view name) const;
  [[nodiscard]] const Values& all() const noexcept { return values_; }

 private:
  Values values_;
};

}  // namespace grid
