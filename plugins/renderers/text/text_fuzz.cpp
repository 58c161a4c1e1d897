#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "grid/sdk/bytes.hpp"
#include "grid/sdk/renderer.hpp"
#include "grid/sdk/testkit/loop_host.hpp"
#include "width.hpp"

extern "C" const grid::Descriptor grid_plugin_descriptor;

namespace {

void check(std::string_view out, const grid::View& view) {
  if (!out.ends_with('\n') || grid::visible(out, true) != out) std::abort();
  while (!out.empty()) {
    const std::string_view line = out.substr(0, out.find('\n'));
    if (view.columns > 0 && grid::text::cells(line) > view.columns) std::abort();
    for (const char c : line)
      if (!view.unicode && (c < ' ' || c > '~')) std::abort();
    out.remove_prefix(line.size() + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static grid::testkit::LoopHost host;
  static const std::unique_ptr<grid::Renderer> renderer(
      static_cast<grid::Renderer*>(grid_plugin_descriptor.make(host)));
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  for (const std::uint32_t columns : {0U, 1U, 12U, 80U})
    for (const bool unicode : {false, true}) {
      const grid::View view{json, columns, false, unicode};
      if (const auto out = renderer->render(view)) check(*out, view);
    }
  return 0;
}
