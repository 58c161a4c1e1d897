// Misbehaves in the call that its options name.
#include "grid/sdk/metrics_source.hpp"
#include "misbehave.hpp"

namespace {

class Bad final : public grid::MetricsSource {
 public:
  explicit Bad(grid::Host&) {}
  grid::Result<> configure(const grid::Options& options) override {
    deeds_.configure(options);
    return {};
  }
  [[nodiscard]] grid::Needs needs() const override {
    deeds_.at("needs");
    return {{"/proc/stat"}, {}, {}};
  }
  [[nodiscard]] grid::Result<grid::Sample> sample(const grid::Reading& now,
                                                  const grid::Reading*) const override {
    deeds_.at("sample");
    grid::Sample sample;
    sample.cpus = static_cast<std::uint32_t>(now.content.size());
    return sample;
  }

 private:
  zoo::Deeds deeds_;
};

}  // namespace

GRID_PLUGIN(metrics, bad, "1.0.0", "Misbehaves on request.", Bad, zoo::options, "deed: throws\nin: sample\n")
