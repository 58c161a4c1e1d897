// Misbehaves in the call that its options name.
#include "grid/sdk/renderer.hpp"
#include "misbehave.hpp"

namespace {

class Bad final : public grid::Renderer {
 public:
  explicit Bad(grid::Host&) {}
  grid::Result<> configure(const grid::Options& options) override {
    deeds_.configure(options);
    return {};
  }
  [[nodiscard]] grid::Result<std::string> render(const grid::View& view) const override {
    deeds_.at("render");
    return std::string(view.json) + "\n";
  }

 private:
  zoo::Deeds deeds_;
};

}  // namespace

GRID_PLUGIN(renderer, bad, "1.0.0", "Misbehaves on request.", Bad, zoo::options, "deed: throws\nin: render\n")
