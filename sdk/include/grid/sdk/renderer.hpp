// A renderer turns a view into bytes. It owns no state that matters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "grid/sdk/plugin.hpp"

namespace grid {

// Any object of the API, as the JSON text of docs/api.md; its "schema" member says which one it is.
struct View {
  std::string_view json;
  std::uint32_t columns = 80;  // width to keep to; 0: no limit
  bool colour = false;         // terminal escapes for colour may be used
  bool unicode = false;        // characters outside ASCII may be used
};

class GRID_SDK Renderer : public Plugin {
 public:
  ~Renderer() override;
  // [any, one call at a time] The whole output for one view, ending in a newline. Any view is answered,
  // empty, degraded and unknown ones too. Strings in a view are data: control and bidirectional characters
  // come out visible, never raw.
  [[nodiscard]] virtual Result<std::string> render(const View& view) const = 0;
};

}  // namespace grid
