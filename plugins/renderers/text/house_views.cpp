// Plugins, configuration and the daemon: what this grid is made of.
#include "views.hpp"

namespace grid::text {

void show_plugins(Page& page) {
  const Json& plugins = Page::member(page.json(), "plugins");
  if (plugins.empty()) return page.line({{"no plugins", Tone::dim}});
  Table table{{{"KIND"}, {"NAME"}, {"VERSION"}, {"STATE"}, {"SUMMARY", false, true}}, {}};
  for (const Json& plugin : plugins) {
    const std::string state = page.text(plugin, "state");
    table.rows.push_back({page.text(plugin, "kind"),
                          {page.text(plugin, "name"), Tone::bold},
                          page.text(plugin, "version"),
                          {state, tone_of_state(state)},
                          page.text(plugin, "summary")});
  }
  page.table(table);
  for (const Json& plugin : plugins)
    if (const std::string reason = page.text(plugin, "reason"); !reason.empty())
      page.prose(page.text(plugin, "kind") + "." + page.text(plugin, "name") + ": " + reason, 0, Tone::warn,
                 2);
}

void show_plugin(Page& page) {
  const Json& view = page.json();
  const std::string state = page.text(view, "state");
  page.line({{page.text(view, "kind") + "." + page.text(view, "name"), Tone::bold},
             {" " + page.text(view, "version") + "  "},
             {state, tone_of_state(state)}});
  page.prose(page.text(view, "summary"));
  page.blank();
  page.pairs({{"path", page.text(view, "path")},
              {"reason", page.text(view, "reason")},
              {"abi", page.text(view, "abi")},
              {"made by", page.text(view, "fingerprint")}},
             2);
  const Json& options = Page::member(view, "options");
  if (!options.empty()) page.heading("Options");
  for (const Json& option : options) {
    std::string type = page.text(option, "choices");
    if (type.empty()) type = page.text(option, "type");
    const std::string unit = page.text(option, "unit");
    const std::string least = page.text(option, "minimum");
    const std::string most = page.text(option, "maximum");
    std::string facts = type + (unit.empty() || unit == type ? "" : ", " + unit);
    if (!least.empty() || !most.empty()) facts += ", " + least + ".." + most;
    const std::string standard = page.text(option, "default");
    page.line({{page.text(option, "name"), Tone::bold},
               {standard.empty() ? "" : ": " + standard},
               {"  (" + facts + ")", Tone::dim}},
              2);
    page.prose(page.text(option, "doc"), 6);
  }
  const Json& sample = Page::member(view, "sample_yaml");
  if (!sample.is_string() || sample.get_ref<const std::string&>().empty()) return;
  page.heading("Sample");
  std::string_view rest = sample.get_ref<const std::string&>();
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    page.line({page.value(Json(std::string(rest.substr(0, end))))}, 2);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

void show_config_check(Page& page) {
  const Json& errors = Page::member(page.json(), "errors");
  const auto files = page.texts(page.json(), "files");
  for (const Json& error : errors) {
    std::string place = page.text(error, "file");
    for (const char* part : {"line", "column"})
      if (const std::string number = page.text(error, part); !number.empty()) place += ":" + number;
    const std::string path = page.text(error, "path");
    page.prose(place + ": " + (path.empty() ? "" : path + ": ") + page.text(error, "message"), 0, Tone::bad,
               2);
  }
  const std::string count = std::to_string(errors.size()) + (errors.size() == 1 ? " error" : " errors");
  page.line({errors.empty() ? Span("the configuration holds", Tone::good) : Span(count, Tone::bad)});
  for (const std::string& file : files) page.line({{file, Tone::dim}}, 2);
}

namespace {

// "a.b.c" for every leaf, with the place it comes from.
void settings(Page& page, const Json& values, const std::string& path, std::vector<Line>& rows) {
  const Json& origins = Page::member(page.json(), "origins");
  if (values.is_object() && !values.empty() && !values.contains("b64")) {
    for (const auto& [name, value] : values.items())
      settings(page, value, path.empty() ? name : path + "." + name, rows);
    return;
  }
  rows.push_back({page.value(Json(path)), page.value(values), {page.text(origins, path.c_str()), Tone::dim}});
}

}  // namespace

void show_config(Page& page) {
  Table table{{{"SETTING", false, true}, {"VALUE", false, true}, {"FROM", false, true}}, {}};
  settings(page, Page::member(page.json(), "values"), "", table.rows);
  page.table(table);
}

void show_daemon(Page& page) {
  const Json& view = page.json();
  const std::string degraded = page.text(view, "degraded");
  page.line({{"the daemon runs", degraded.empty() ? Tone::good : Tone::warn},
             {" as process " + page.text(view, "pid")}});
  if (!degraded.empty()) page.prose("degraded: " + degraded, 0, Tone::warn, 2);
  page.blank();
  page.pairs({{"version", page.text(view, "version")},
              {"up for", page.age(view, "started_at")},
              {"state", page.text(view, "state_dir")},
              {"config", page.text(view, "config")},
              {"head id", page.text(view, "head_id")}},
             2);
}

void show_memory(Page& page) {
  const std::string at = page.time(page.json(), "at");
  const std::string memory = page.text(page.json(), "memory");
  page.line({{"memory of the policy", Tone::bold}, {at.empty() ? "" : ", written at " + at, Tone::dim}});
  page.prose(memory.empty() ? "none" : memory, 2);
}

}  // namespace grid::text
