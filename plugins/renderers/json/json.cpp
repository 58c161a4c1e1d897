// The renderer `json`: the view as it is, laid out.
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "grid/sdk/renderer.hpp"

namespace grid {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array specs{OptionSpec{"indent", OptionType::integer, "2",
                                      "Blanks per level; 0 puts all on one line.", "blanks", 0, 8}};

constexpr const char* sample = R"(plugins:
  renderer.json:
    indent: 2     # 0: all on one line
)";

constexpr int deepest = 64;

class JsonRenderer final : public Renderer {
 public:
  explicit JsonRenderer(Host&) {}

  Result<> configure(const Options& options) override {
    indent_ = static_cast<int>(options.integer("indent"));
    return {};
  }

  // Only ASCII leaves: what is not comes out as \uXXXX, so that no terminal is steered by a name in a view.
  [[nodiscard]] Result<std::string> render(const View& view) const override {
    try {
      const Json json = Json::parse(view.json, [](int depth, Json::parse_event_t, Json&) {
        if (depth > deepest) throw std::length_error("it is nested too deep");
        return true;
      });
      return json.dump(indent_ == 0 ? -1 : indent_, ' ', true) + "\n";
    } catch (const std::exception& error) {
      return fail(Code::internal, std::string("the view is not JSON: ") + error.what());
    }
  }

 private:
  int indent_ = 2;
};

}  // namespace
}  // namespace grid

GRID_PLUGIN(renderer, json, "0.1.0", "Prints any view as JSON.", grid::JsonRenderer, grid::specs,
            grid::sample)
