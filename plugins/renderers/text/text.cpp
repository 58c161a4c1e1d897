// The renderer `text`: any view as calm tables and sentences for a terminal or a pipe.
#include <array>
#include <span>
#include <stdexcept>

#include "views.hpp"

namespace grid {
namespace {

using text::Json;
using text::Page;

struct Form {
  std::string_view schema;
  void (*show)(Page&);
};

constexpr std::array forms{
    Form{"grid/snapshot/", text::show_snapshot},
    Form{"grid/nodes/", text::show_nodes},
    Form{"grid/doctor/", text::show_doctor},
    Form{"grid/host-keys/", text::show_host_keys},
    Form{"grid/node-added/", text::show_node_added},
    Form{"grid/scan/", text::show_scan},
    Form{"grid/decision/", text::show_decision},
    Form{"grid/decisions/", text::show_decisions},
    Form{"grid/plan/", text::show_plan},
    Form{"grid/history/", text::show_history},
    Form{"grid/executions/", text::show_executions},
    Form{"grid/execution/", text::show_execution},
    Form{"grid/events/", text::show_events},
    Form{"grid/event/", text::show_event},
    Form{"grid/why/", text::show_why},
    Form{"grid/plugins/", text::show_plugins},
    Form{"grid/plugin/", text::show_plugin},
    Form{"grid/config-check/", text::show_config_check},
    Form{"grid/config/", text::show_config},
    Form{"grid/daemon/", text::show_daemon},
    Form{"grid/memory/", text::show_memory},
};

constexpr int deepest = 64;

void (*form_of(const Json& json))(Page&) {
  if (!json.is_object()) return text::show_anything;
  const Json& schema = Page::member(json, "schema");
  if (schema.is_string())
    for (const Form& form : forms)
      if (std::string_view(schema.get_ref<const std::string&>()).starts_with(form.schema)) return form.show;
  if (Page::member(json, "error").is_object() && !schema.is_string()) return text::show_error;
  if (Page::member(json, "seq").is_number() && Page::member(json, "kind").is_string())
    return text::show_event;
  return text::show_anything;
}

constexpr const char* sample = R"(plugins:
  renderer.text: {}     # it has no options
)";

class TextRenderer final : public Renderer {
 public:
  explicit TextRenderer(Host& host) : host_(host) {}

  [[nodiscard]] Result<std::string> render(const View& view) const override {
    Json json;
    try {
      json = Json::parse(view.json, [](int depth, Json::parse_event_t, Json&) {
        if (depth > deepest) throw std::length_error("it is nested too deep");
        return true;
      });
    } catch (const std::exception& error) {
      return fail(Code::internal, std::string("the view is not JSON: ") + error.what());
    }
    Page page(view, json, host_.now().wall);
    form_of(json)(page);
    std::string out = page.take();
    while (out.ends_with("\n\n")) out.pop_back();
    if (out.empty()) out += '\n';
    return out;
  }

 private:
  Host& host_;
};

}  // namespace
}  // namespace grid

GRID_PLUGIN(renderer, text, "0.1.0", "Shows any view as tables and sentences.", grid::TextRenderer,
            std::span<const grid::OptionSpec>(), grid::sample)
