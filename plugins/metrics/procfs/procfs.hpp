// The metrics source `procfs`: a node's CPU, memory, load, pressure, disks and network, from /proc.
#pragma once

#include "grid/sdk/metrics_source.hpp"

namespace grid::procfs {

class Procfs : public MetricsSource {
 public:
  explicit Procfs(Host& host);
  [[nodiscard]] Needs needs() const override;
  [[nodiscard]] Result<Sample> sample(const Reading& now, const Reading* before) const override;
};

}  // namespace grid::procfs
