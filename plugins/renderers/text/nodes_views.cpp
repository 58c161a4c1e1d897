// The nodes, and the whole grid at one instant.
#include "decision.hpp"
#include "views.hpp"

namespace grid::text {
namespace {

std::string meter(const Page& page, std::optional<double> fraction) {
  if (!fraction) return {};
  const std::size_t width = page.columns() == 0 || page.columns() >= 100 ? 10 : 5;
  std::string number = percent(fraction);
  number.insert(0, number.size() < 4 ? 5 - number.size() : 1, ' ');
  return page.bar(*fraction, width) + number;
}

Tone tone_of_load(std::optional<double> fraction) {
  return !fraction || *fraction < 0.60 ? Tone::plain : *fraction < 0.85 ? Tone::warn : Tone::bad;
}

std::optional<double> memory_fraction(const Json& node) {
  const auto total = Page::number(node, "memory_total_bytes");
  const auto available = Page::number(node, "memory_available_bytes");
  if (!total || !available || *total <= 0) return std::nullopt;
  return 1 - *available / *total;
}

std::optional<double> gpu_fraction(const Json& node) {
  std::optional<double> most;
  for (const Json& gpu : Page::member(node, "gpus")) {
    const auto busy = Page::number(gpu, "busy_fraction");
    if (busy && (!most || *busy > *most)) most = busy;
  }
  return most;
}

void table_of_nodes(Page& page, const Json& nodes) {
  if (nodes.empty()) return page.line({{"no nodes", Tone::dim}});
  bool gpus = false;
  for (const Json& node : nodes) gpus = gpus || !Page::member(node, "gpus").empty();
  Table table{{{"NODE", false, true},
               {"ROLE"},
               {"STATE"},
               {"CPU"},
               {"CPUS", true, false, 1},
               {"MEMORY"},
               {"OF", true, false, 3},
               {"RUN", true},
               {"SEEN", true, false, 2}},
              {}};
  if (gpus) table.columns.insert(table.columns.begin() + 7, {"GPU"});
  for (const Json& node : nodes) {
    const std::string state = page.text(node, "state");
    const auto cpu = Page::number(node, "cpu_fraction");
    const auto memory = memory_fraction(node);
    Line row{{page.node(node, "name", true), Tone::bold},
             page.text(node, "role"),
             {state, tone_of_state(state)},
             {meter(page, cpu), tone_of_load(cpu)},
             page.text(node, "cpus"),
             {meter(page, memory), tone_of_load(memory)},
             bytes(Page::number(node, "memory_total_bytes")),
             page.text(node, "running"),
             duration(Page::number(node, "sample_age_seconds"))};
    if (gpus)
      row.insert(row.begin() + 7, {meter(page, gpu_fraction(node)), tone_of_load(gpu_fraction(node))});
    table.rows.push_back(std::move(row));
  }
  page.table(table);
  for (const Json& node : nodes) {
    const std::string problem = page.text(node, "problem");
    if (!problem.empty()) page.prose(page.node(node, "name") + ": " + problem, 0, Tone::warn, 2);
    if (Page::flag(node, "only_named"))
      page.prose(page.node(node, "name") + ": takes only work that names it: grid run --on", 0, Tone::dim, 2);
    else if (Page::member(node, "accepts_work") == Json(false) && page.text(node, "role") != "head")
      page.prose(page.node(node, "name") + ": accepts no work", 0, Tone::dim, 2);
  }
}

std::string counts_text(const Page& page, const Json& counts) {
  std::string text;
  for (const char* state : {"running", "queued", "completed", "failed", "cancelled", "aborted"}) {
    const auto number = Page::number(counts, state);
    if (number && (*number > 0 || text.empty()))
      text += (text.empty() ? "" : ", ") + page.text(counts, state) + " " + state;
  }
  return text;
}

void table_of_queue(Page& page, const Json& queue) {
  if (queue.empty()) return;
  page.heading("Waiting");
  Table table{{{"EXECUTION", true},
               {"COUNT", true},
               {"CPUS", true, false, 1},
               {"WAITS", true},
               {"REASON", false, true}},
              {}};
  for (const Json& entry : queue)
    table.rows.push_back({page.text(entry, "execution"), page.text(entry, "count"), page.text(entry, "cpus"),
                          duration(Page::number(entry, "waiting_seconds")), page.text(entry, "reason")});
  page.table(table);
}

void table_of_suspended(Page& page, const Json& suspended) {
  if (suspended.empty()) return;
  page.heading("Paused on the head");
  Table table{{{"EXECUTION", true}, {"PID", true}, {"FOR", true}, {"COMMAND", false, true}}, {}};
  for (const Json& entry : suspended)
    table.rows.push_back({page.text(entry, "execution"), page.text(entry, "pid"), page.age(entry, "since"),
                          page.text(entry, "command")});
  page.table(table);
}

}  // namespace

void show_nodes(Page& page) { table_of_nodes(page, Page::member(page.json(), "nodes")); }

void show_snapshot(Page& page) {
  const Json& view = page.json();
  std::string counts = counts_text(page, Page::member(view, "executions"));
  if (const std::string at = page.time(view, "taken_at"); !at.empty())
    counts += (counts.empty() ? "at " : ", at ") + at;
  const std::string head = page.node(view, "head");
  page.line(
      {{head.empty() ? "head unknown" : head, Tone::bold}, {counts.empty() ? "" : "  " + counts, Tone::dim}});
  for (const std::string& warning : page.texts(view, "warnings"))
    page.prose("warning: " + warning, 0, Tone::warn, 2);
  for (const Json& plugin : Page::member(view, "plugins")) {
    const std::string state = page.text(plugin, "state");
    if (state == "ok") continue;
    page.prose("plugin " + page.text(plugin, "kind") + "." + page.text(plugin, "name") + " is " + state +
                   ": " + page.text(plugin, "reason"),
               0, Tone::bad, 2);
  }
  page.blank();
  table_of_nodes(page, Page::member(view, "nodes"));
  table_of_queue(page, Page::member(view, "queue"));
  table_of_suspended(page, Page::member(view, "suspended"));
  page.heading("Decision");
  const Json& decision = Page::member(view, "decision");
  show_verdict(page, decision, Page::member(view, "candidates"));
  show_reasons(page, decision);
}

}  // namespace grid::text
