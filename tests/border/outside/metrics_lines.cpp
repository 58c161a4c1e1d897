// A metrics source that reads one file: the first field of /proc/loadavg.
#include <charconv>
#include <grid/sdk/metrics_source.hpp>

namespace {

constexpr const char* file = "/proc/loadavg";

class Lines final : public grid::MetricsSource {
 public:
  explicit Lines(grid::Host&) {}

  [[nodiscard]] grid::Needs needs() const override { return {{file}, {}, {}}; }

  [[nodiscard]] grid::Result<grid::Sample> sample(const grid::Reading& now,
                                                  const grid::Reading*) const override {
    grid::Sample sample;
    const auto found = now.content.find(file);
    if (found == now.content.end()) return grid::fail(grid::Code::not_found, "nothing was read");
    double load = 0;
    const std::string& text = found->second;
    if (std::from_chars(text.data(), text.data() + text.size(), load).ec == std::errc()) sample.load1 = load;
    return sample;
  }
};

constexpr std::span<const grid::OptionSpec> options;

}  // namespace

GRID_PLUGIN(metrics, lines, "1.0.0", "Load from /proc/loadavg.", Lines, options, "{}\n")
