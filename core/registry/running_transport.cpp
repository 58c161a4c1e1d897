#include "core/registry/running_transport.hpp"

#include "core/registry/fenced_link.hpp"
#include "core/registry/forward_call.hpp"

namespace grid {

RunningTransport::RunningTransport(std::shared_ptr<Supervisor> supervisor,
                                   std::shared_ptr<Transport> transport)
    : supervisor_(std::move(supervisor)), transport_(std::move(transport)) {}

RunningTransport::~RunningTransport() { supervisor_->stop(*transport_); }

Result<std::unique_ptr<Link>> RunningTransport::open(const NodeAddress& node, RunSink& sink) {
  return FencedLink::open(supervisor_, transport_, node, sink);
}

void RunningTransport::host_keys(const std::string& address, Done<HostKeys> done) {
  forward_call<HostKeys>(*supervisor_, "host_keys", std::move(done),
                         [&](Done<HostKeys> once) { transport_->host_keys(address, std::move(once)); });
}

void RunningTransport::trust_host_key(const std::string& address, const HostKey& key, Done<> done) {
  forward_call<void>(*supervisor_, "trust_host_key", std::move(done),
                     [&](Done<> once) { transport_->trust_host_key(address, key, std::move(once)); });
}

PluginStatus RunningTransport::status() const { return supervisor_->status(); }

}  // namespace grid
