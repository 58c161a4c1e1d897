// The one home of the interfaces' typeinfo and virtual tables: out-of-line destructors and defaults.
#include "grid/sdk/metrics_source.hpp"
#include "grid/sdk/policy.hpp"
#include "grid/sdk/renderer.hpp"
#include "grid/sdk/transport.hpp"

namespace grid {

Host::~Host() = default;
Host::Handle::~Handle() = default;

Plugin::~Plugin() = default;
Result<> Plugin::configure(const Options&) { return {}; }
Result<> Plugin::start() { return {}; }
void Plugin::stop() noexcept {}
void* Plugin::capability(std::string_view) noexcept { return nullptr; }

MetricsSource::~MetricsSource() = default;
Policy::~Policy() = default;
Renderer::~Renderer() = default;
RunSink::~RunSink() = default;
Link::~Link() = default;
void Link::diagnose(Done<std::vector<Check>> done) { done(std::vector<Check>{}); }
void Link::try_again() {}
Transport::~Transport() = default;
void Transport::host_keys(const std::string&, Done<HostKeys> done) {
  done(fail(Code::usage, "this transport has no host keys"));
}
void Transport::trust_host_key(const std::string&, const HostKey&, Done<> done) {
  done(fail(Code::usage, "this transport has no host keys"));
}

}  // namespace grid
