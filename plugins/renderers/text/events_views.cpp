// What happened, one line each, and why things are as they are.
#include "views.hpp"

namespace grid::text {
namespace {

void line_of_event(Page& page, const Json& event, std::size_t indent = 0) {
  std::string subject = page.text(event, "subject");
  subject.insert(subject.size(), subject.size() < 4 ? 4 - subject.size() : 0, ' ');
  std::string kind = page.text(event, "kind");
  kind.insert(kind.size(), kind.size() < 20 ? 20 - kind.size() : 0, ' ');
  const std::string node = page.node(Page::member(event, "data"), "node");
  const std::string mark = node.ends_with("(simulated)") ? "[" + node + "] " : "";
  page.line({{page.time(event, "at") + "  ", Tone::dim},
             {kind + "  "},
             {subject + "  ", Tone::bold},
             {mark + page.text(event, "text")}},
            indent);
}

}  // namespace

void show_events(Page& page) {
  const Json& events = Page::member(page.json(), "events");
  if (events.empty()) return page.line({{"no events", Tone::dim}});
  for (const Json& event : events) line_of_event(page, event);
}

void show_event(Page& page) { line_of_event(page, page.json()); }

void show_why(Page& page) {
  const Json& view = page.json();
  const std::string kind = page.text(view, "kind");
  const std::string subject = kind == "node" ? page.node(view, "subject") : page.text(view, "subject");
  const std::string verdict = page.text(view, "verdict");
  const std::string about =
      (kind.empty() || subject.empty() ? "" : kind + " ") + (subject.empty() ? "" : subject + ": ");
  page.prose(about + (verdict.empty() ? "no verdict" : verdict), 0, Tone::bold, 2);
  const Json& rules = Page::member(view, "rules");
  if (!rules.empty()) page.blank();
  for (const Json& rule : rules) {
    const bool holds = Page::flag(rule, "holds");
    page.line(
        {{page.tick(holds), holds ? Tone::good : Tone::bad}, {" " + page.text(rule, "rule"), Tone::bold}}, 2);
    if (const std::string text = page.text(rule, "text"); !text.empty()) page.prose(text, 6);
  }
  page.blank();
  page.pairs({{"next", page.text(view, "next")}, {"hint", page.text(view, "hint")}});
  const Json& events = Page::member(view, "events");
  if (events.empty()) return;
  page.heading("What happened");
  for (const Json& event : events) line_of_event(page, event, 2);
}

}  // namespace grid::text
