// A renderer that shows a view as it is.
#include <grid/sdk/renderer.hpp>

namespace {

class Echo final : public grid::Renderer {
 public:
  explicit Echo(grid::Host&) {}
  [[nodiscard]] grid::Result<std::string> render(const grid::View& view) const override {
    return std::string(view.json) + "\n";
  }
};

constexpr std::span<const grid::OptionSpec> options;

}  // namespace

GRID_PLUGIN(renderer, echo, "1.0.0", "Shows a view as it is.", Echo, options, "{}\n")
