#include "core/registry/running_metrics_source.hpp"

#include "core/registry/supervisor.hpp"

namespace grid {
namespace {

auto sampling(std::shared_ptr<MetricsSource> source, std::shared_ptr<const Reading> now,
              std::shared_ptr<const Reading> before) {
  return [source = std::move(source), now = std::move(now), before = std::move(before)] {
    return source->sample(*now, before.get());
  };
}

}  // namespace

RunningMetricsSource::RunningMetricsSource(std::shared_ptr<Supervisor> supervisor,
                                           std::shared_ptr<MetricsSource> source)
    : supervisor_(std::move(supervisor)), source_(std::move(source)) {}

RunningMetricsSource::~RunningMetricsSource() { supervisor_->stop(*source_); }

Result<Needs> RunningMetricsSource::needs() {
  return supervisor_->compute("needs", [source = source_]() -> Result<Needs> { return source->needs(); });
}

Result<Sample> RunningMetricsSource::sample(std::shared_ptr<const Reading> now,
                                            std::shared_ptr<const Reading> before) {
  return supervisor_->compute("sample", sampling(source_, std::move(now), std::move(before)));
}

void RunningMetricsSource::sample_async(std::shared_ptr<const Reading> now,
                                        std::shared_ptr<const Reading> before,
                                        std::function<void(Result<Sample>)> done) {
  supervisor_->compute_async("sample", sampling(source_, std::move(now), std::move(before)), std::move(done));
}

PluginStatus RunningMetricsSource::status() const { return supervisor_->status(); }

}  // namespace grid
