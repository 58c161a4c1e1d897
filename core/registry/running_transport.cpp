#include "core/registry/running_transport.hpp"

#include "core/registry/fenced_link.hpp"
#include "core/registry/supervisor.hpp"

namespace grid {

RunningTransport::RunningTransport(std::shared_ptr<Supervisor> supervisor,
                                   std::shared_ptr<Transport> transport)
    : supervisor_(std::move(supervisor)), transport_(std::move(transport)) {}

RunningTransport::~RunningTransport() { supervisor_->stop(*transport_); }

Result<std::unique_ptr<Link>> RunningTransport::open(const NodeAddress& node, RunSink& sink) {
  return FencedLink::open(supervisor_, transport_, node, sink);
}

PluginStatus RunningTransport::status() const { return supervisor_->status(); }

}  // namespace grid
