// What grid doctor found, and what hosts and new nodes look like.
#include "views.hpp"

namespace grid::text {
namespace {

Tone tone_of_check(const std::string& state) {
  return state == "good"      ? Tone::good
         : state == "warning" ? Tone::warn
         : state == "bad"     ? Tone::bad
                              : Tone::dim;
}

std::string count(const Page& page, const char* name, const char* one, const char* many) {
  const std::string number = page.text(page.json(), name);
  return number + " " + (number == "1" ? one : many);
}

}  // namespace

void show_doctor(Page& page) {
  const Json& view = page.json();
  for (const Json& node : Page::member(view, "nodes")) {
    page.blank();
    const bool lost = Page::member(node, "reachable") == Json(false);
    page.line({{page.node(node, "name"), Tone::bold},
               {" " + page.text(node, "role") + ", " + page.text(node, "state"), Tone::dim},
               {lost ? ", cannot be reached" : "", Tone::bad}});
    for (const Json& check : Page::member(node, "checks")) {
      const std::string state = page.text(check, "state");
      std::string number = page.text(check, "number");
      number.insert(0, number.size() < 2 ? 2 - number.size() : 0, ' ');
      const std::string text = page.text(check, "text");
      page.prose(number + ". " + state + "  " + page.text(check, "name") + (text.empty() ? "" : ": ") + text,
                 0, tone_of_check(state), 4);
      const std::string fix = page.text(check, "fix");
      if (!fix.empty() && state != "good") page.prose("fix: " + fix, 4, Tone::plain, 2);
    }
  }
  page.blank();
  const bool well = page.text(view, "bad") == "0";
  page.line(
      {{well ? "nothing is wrong" : count(page, "bad", "thing is wrong", "things are wrong"),
        well ? Tone::good : Tone::bad},
       {page.text(view, "warnings") == "0" ? "" : ", " + count(page, "warnings", "warning", "warnings")}});
}

void show_host_keys(Page& page) {
  const Json& view = page.json();
  page.line({{page.text(view, "destination"), Tone::bold}, {" shows", Tone::plain}});
  for (const Json& key : Page::member(view, "keys")) {
    const std::string known = page.text(key, "known");
    page.line({{page.text(key, "type") + "  " + page.text(key, "fingerprint") + "  "},
               {known, known == "known"     ? Tone::good
                       : known == "unknown" ? Tone::warn
                                            : Tone::bad}},
              2);
    if (const std::string old = page.text(key, "known_fingerprint"); !old.empty())
      page.line({{"on record: " + old, Tone::bad}}, 4);
  }
  page.prose("known keys are kept in " + page.text(view, "file"), 0, Tone::dim, 2);
}

void show_node_added(Page& page) {
  const Json& view = page.json();
  page.line({{page.text(view, "node"), Tone::bold}, {" is a node now: in " + page.text(view, "file")}});
  page.line({{page.text(view, "line"), Tone::dim}}, 2);
  if (Page::flag(view, "trusted")) page.line({{"its host key is trusted", Tone::good}});
  if (!Page::flag(view, "live")) page.line({{"the daemon does not know it yet", Tone::warn}});
  if (const std::string hint = page.text(view, "hint"); !hint.empty()) page.prose(hint, 0, Tone::warn, 2);
}

}  // namespace grid::text
