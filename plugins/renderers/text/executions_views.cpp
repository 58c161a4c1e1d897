// What was accepted, where it runs, and how it ended.
#include "views.hpp"

namespace grid::text {
namespace {

// "0", "7", "SIG 9", or the system's words for a program that could not be started.
std::string ending(const Page& page, const Json& object) {
  if (const std::string code = page.text(object, "exit_code"); !code.empty()) return code;
  if (const std::string signal = page.text(object, "signal"); !signal.empty()) return "signal:" + signal;
  return page.text(object, "error").empty() ? "" : "error";
}

// Arrays: how far they are. "4999/5000".
std::string progress(const Page& page, const Json& execution) {
  const Json& counts = Page::member(execution, "counts");
  if (!counts.is_object()) return {};
  double ended = 0;
  for (const char* state : {"completed", "failed", "cancelled", "aborted"})
    ended += Page::number(counts, state).value_or(0);
  return fixed(ended, 0) + "/" + page.text(execution, "array");
}

std::string tally(const Page& page, const Json& execution) {
  std::string text;
  for (const auto& [state, number] : Page::member(execution, "counts").items())
    if (number.is_number() && number.get<double>() > 0)
      text += (text.empty() ? "" : ", ") + page.value(number) + " " + page.value(Json(state));
  return text;
}

std::string cpu_time(const Json& attempt) {
  const auto user = Page::number(attempt, "user_cpu_seconds");
  const auto system = Page::number(attempt, "system_cpu_seconds");
  if (!user && !system) return {};
  return duration(user.value_or(0) + system.value_or(0));
}

void show_move(Page& page, const Json& execution) {
  const Json& move = Page::member(execution, "move");
  if (!move.is_object()) return;
  page.heading("Move");
  std::string staged = page.text(move, "staged_files");
  if (!staged.empty()) staged += " files, " + bytes(Page::number(move, "staged_bytes"));
  page.pairs({{"process", page.text(move, "pid")},
              {"phase", page.text(move, "phase")},
              {"original", page.text(move, "original")},
              {"staged", staged},
              {"returned", page.text(move, "returned")},
              {"conflicts", page.text(move, "conflicts")}},
             2);
}

void show_attempts(Page& page, const Json& execution) {
  const Json& attempts = Page::member(execution, "attempts");
  if (attempts.empty()) return;
  page.heading("Attempts");
  Table table{{{"NO", true},
               {"NODE", false, true},
               {"KIND"},
               {"STATE"},
               {"PID", true},
               {"TIME", true, false, 1},
               {"EXIT"},
               {"CPU", true, false, 2},
               {"RSS", true, false, 3},
               {"OUT", true, false, 4},
               {"REASON", false, true}},
              {}};
  for (const Json& attempt : attempts) {
    const std::string state = page.text(attempt, "state");
    table.rows.push_back({page.text(attempt, "number"),
                          page.node(attempt, "node", true),
                          page.text(attempt, "kind"),
                          {state, tone_of_state(state)},
                          page.text(attempt, "pid"),
                          page.span_of(attempt, "started_at", "ended_at"),
                          ending(page, attempt),
                          cpu_time(attempt),
                          bytes(Page::number(attempt, "max_rss_bytes")),
                          bytes(Page::number(attempt, "stdout_bytes")),
                          page.text(attempt, "reason")});
  }
  page.table(table);
}

}  // namespace

void show_executions(Page& page) {
  const Json& executions = Page::member(page.json(), "executions");
  if (executions.empty()) return page.line({{"no executions", Tone::dim}});
  Table table{{{"ID", true},
               {"STATE"},
               {"NODE", false, true},
               {"AGE", true, false, 1},
               {"TIME", true, false, 2},
               {"EXIT"},
               {"DONE"},
               {"REASON", false, true},
               {"COMMAND", false, true}},
              {}};
  for (const Json& execution : executions) {
    const std::string state = page.text(execution, "state");
    table.rows.push_back({page.text(execution, "id"),
                          {state, tone_of_state(state)},
                          page.node(execution, "node", true),
                          page.age(execution, "created_at"),
                          page.span_of(execution, "started_at", "ended_at"),
                          ending(page, execution),
                          progress(page, execution),
                          page.text(execution, "reason"),
                          page.text(execution, "command")});
  }
  bool arrays = false;
  for (const Line& row : table.rows) arrays = arrays || !row[6].text.empty();
  if (!arrays) {
    table.columns.erase(table.columns.begin() + 6);
    for (Line& row : table.rows) row.erase(row.begin() + 6);
  }
  page.table(table);
}

void show_execution(Page& page) {
  const Json& view = page.json();
  const std::string state = page.text(view, "state");
  const std::string node = page.node(view, "node");
  page.line({{"execution " + page.text(view, "id"), Tone::bold},
             {"  "},
             {state, tone_of_state(state)},
             {node.empty() ? "" : " on " + node}});
  page.prose(page.text(view, "command"), 2, Tone::plain, 2);
  page.blank();
  const std::string code = ending(page, view);
  page.pairs({{"reason", page.text(view, "reason")},
              {"exit", code == "error" ? page.text(view, "error") : code},
              {"elements", tally(page, view)},
              {"kind", page.text(view, "kind") == "run" ? "" : page.text(view, "kind")},
              {"cwd", page.text(view, "cwd")},
              {"created", page.time(view, "created_at")},
              {"started", page.time(view, "started_at")},
              {"ended", page.time(view, "ended_at")},
              {"ran for", page.span_of(view, "started_at", "ended_at")}},
             2);
  show_move(page, view);
  show_attempts(page, view);
}

}  // namespace grid::text
