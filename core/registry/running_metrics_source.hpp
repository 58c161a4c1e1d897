// A metrics source behind the host's fence: timed, counted, with a deadline.
#pragma once

#include <functional>
#include <memory>

#include "core/registry/status.hpp"
#include "grid/sdk/metrics_source.hpp"

namespace grid {

class Supervisor;

class RunningMetricsSource {
 public:
  // By Registry::metrics_source().
  RunningMetricsSource(std::shared_ptr<Supervisor> supervisor, std::shared_ptr<MetricsSource> source);
  // Stops the source. [loop]
  ~RunningMetricsSource();
  RunningMetricsSource(const RunningMetricsSource&) = delete;
  RunningMetricsSource& operator=(const RunningMetricsSource&) = delete;

  // [any] Waits, up to the deadline. Error: plugin_fault.
  [[nodiscard]] Result<Needs> needs();
  // [any] Waits for the sample, up to the deadline. `before` may be null. Error: plugin_fault, or the
  // source's own.
  [[nodiscard]] Result<Sample> sample(std::shared_ptr<const Reading> now,
                                      std::shared_ptr<const Reading> before);
  // [loop & started] The same without waiting: `done` is called exactly once, on the loop, never from inside
  // this call. Calls that overlap wait for one another.
  void sample_async(std::shared_ptr<const Reading> now, std::shared_ptr<const Reading> before,
                    std::function<void(Result<Sample>)> done);
  [[nodiscard]] PluginStatus status() const;  // [any]

 private:
  std::shared_ptr<Supervisor> supervisor_;
  std::shared_ptr<MetricsSource> source_;
};

}  // namespace grid
