// A transport behind the host's fence. Its calls and those of its links return at once by contract and run on
// the loop, so there is no deadline here, only the fence: what a call throws is answered as plugin_fault.
#pragma once

#include <memory>

#include "core/registry/status.hpp"
#include "grid/sdk/transport.hpp"

namespace grid {

class Supervisor;

class RunningTransport {
 public:
  // By Registry::transport().
  RunningTransport(std::shared_ptr<Supervisor> supervisor, std::shared_ptr<Transport> transport);
  // Stops the transport. [loop] Links hold the transport's object: destroy them before.
  ~RunningTransport();
  RunningTransport(const RunningTransport&) = delete;
  RunningTransport& operator=(const RunningTransport&) = delete;

  // [loop & started] As Transport::open; the link is fenced, `sink` outlives it. Error: plugin_fault, or the
  // transport's own.
  [[nodiscard]] Result<std::unique_ptr<Link>> open(const NodeAddress& node, RunSink& sink);
  // [loop & started] As Transport's.
  void host_keys(const std::string& address, Done<HostKeys> done);
  void trust_host_key(const std::string& address, const HostKey& key, Done<> done);
  [[nodiscard]] PluginStatus status() const;  // [any]

 private:
  std::shared_ptr<Supervisor> supervisor_;
  std::shared_ptr<Transport> transport_;
};

}  // namespace grid
