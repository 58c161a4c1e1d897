// What could leave the head, what was decided, and what became of it.
#include "decision.hpp"
#include "views.hpp"

namespace grid::text {

void show_scan(Page& page) {
  const Json& view = page.json();
  const Json& decision = Page::member(view, "decision");
  const Json& candidates = Page::member(view, "candidates");
  show_verdict(page, decision, candidates);
  show_reasons(page, decision);
  page.blank();
  show_candidates(page, candidates);
  show_refused_nodes(page, decision);
  page.blank();
  const std::string interval = duration(Page::number(view, "interval_seconds"));
  std::string foot = page.node(view, "node");
  if (const std::string count = page.text(view, "processes"); !count.empty())
    foot += ": " + count + " processes";
  if (!interval.empty()) foot += ", measured over " + interval;
  if (const std::string at = page.time(view, "taken_at"); !at.empty()) foot += ", at " + at;
  if (Page::member(view, "recorded").is_boolean())
    foot += Page::flag(view, "recorded") ? ", recorded" : ", not recorded";
  page.prose(foot, 0, Tone::dim);
}

void show_decision(Page& page) {
  const Json& decision = Page::member(page.json(), "decision");
  const Json& candidates = Page::member(page.json(), "candidates");
  show_verdict(page, decision, candidates);
  show_reasons(page, decision);
  page.blank();
  show_candidates(page, candidates);
  show_refused_nodes(page, decision);
  show_marks(page, decision);
}

void show_decisions(Page& page) {
  const Json& decisions = Page::member(page.json(), "decisions");
  if (decisions.empty()) return page.line({{"no decisions yet", Tone::dim}});
  Table table{{{"SEQ", true}, {"TIME", false}, {"NODE", false, true}, {"MOVE"}, {"REASON", false, true}}, {}};
  for (const Json& entry : decisions) {
    const Json& decision = Page::member(entry, "decision");
    const auto reasons = page.texts(decision, "reasons");
    const bool allowed = Page::flag(decision, "allowed");
    table.rows.push_back({page.text(entry, "seq"),
                          page.time(entry, "at"),
                          page.node(entry, "node", true),
                          {allowed ? "yes" : "no", allowed ? Tone::warn : Tone::plain},
                          reasons.empty() ? "" : reasons.front()});
  }
  page.table(table);
}

void show_plan(Page& page) {
  const Json& view = page.json();
  const std::string to = page.node(view, "to");
  page.line({{"would move process " + page.text(view, "pid") + (to.empty() ? "" : " to " + to), Tone::bold}});
  page.prose(page.text(view, "command"), 2);
  page.blank();
  const Json& preflight = Page::member(view, "preflight");
  const Json& stage = Page::member(view, "stage");
  std::string files = page.text(stage, "files");
  if (!files.empty()) files += " files, " + bytes(Page::number(stage, "bytes"));
  if (Page::flag(stage, "shared")) files = "none: the folder is shared with the target";
  page.pairs({{"grade", page.text(view, "restartable")},
              {"original", page.text(view, "original")},
              {"as user", page.text(preflight, "user")},
              {"environment", page.text(preflight, "environment")},
              {"found", page.text(preflight, "found")},
              {"missing", page.text(preflight, "missing")},
              {"path", page.text(preflight, "path")},
              {"files", files},
              {"could go to", placements_text(page, view)}},
             2);
  for (const std::string& reason : page.texts(view, "reasons")) page.prose(reason, 2, Tone::plain, 2);
  show_refused_nodes(page, view);
  page.blank();
  page.line({{"nothing was changed", Tone::dim}});
}

void show_history(Page& page) {
  const Json& entries = Page::member(page.json(), "entries");
  if (entries.empty()) return page.line({{"nothing was moved yet", Tone::dim}});
  Table table{{{"TIME"},
               {"EXECUTION", true},
               {"PID", true, false, 3},
               {"FROM", false, true, 1},
               {"TO", false, true},
               {"STATE"},
               {"ORIGINAL", false, false, 2},
               {"REASON", false, true},
               {"COMMAND", false, true}},
              {}};
  for (const Json& entry : entries) {
    const std::string state = page.text(entry, "state");
    table.rows.push_back({page.time(entry, "at"),
                          page.text(entry, "execution"),
                          page.text(entry, "pid"),
                          page.node(entry, "from", true),
                          page.node(entry, "to", true),
                          {state, tone_of_state(state)},
                          page.text(entry, "original"),
                          page.text(entry, "reason"),
                          page.text(entry, "command")});
  }
  page.table(table);
}

}  // namespace grid::text
