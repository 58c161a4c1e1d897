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
Transport::~Transport() = default;

}  // namespace grid
