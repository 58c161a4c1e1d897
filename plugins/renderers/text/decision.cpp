#include "decision.hpp"
#include "plugins/renderers/text/width.hpp"

#include <algorithm>

namespace grid::text {
namespace {

std::string plural(std::size_t number, const std::string& one, const std::string& many) {
  return std::to_string(number) + " " + (number == 1 ? one : many);
}

std::size_t moving(const Json& candidates) {
  return static_cast<std::size_t>(
      std::count_if(candidates.begin(), candidates.end(),
                    [](const Json& candidate) { return Page::flag(candidate, "move"); }));
}

}  // namespace

Tone tone_of_grade(std::string_view grade) noexcept {
  return grade == "yes" ? Tone::good : grade == "no" ? Tone::bad : Tone::warn;
}

void show_verdict(Page& page, const Json& decision, const Json& candidates) {
  const std::string policy = page.text(decision, "policy");
  const std::string by = policy.empty() ? "" : " (" + policy + ")";
  if (!decision.is_object()) {
    page.line({{"no decision yet", Tone::warn}});
  } else if (Page::flag(decision, "allowed")) {
    const std::size_t count = moving(candidates);
    const std::string text = count == 0 ? "work should leave the head"
                                        : plural(count, "process", "processes") + " should leave the head";
    page.line({{text, Tone::warn}, {by, Tone::dim}});
  } else {
    page.line({{"nothing should leave the head now", Tone::good}, {by, Tone::dim}});
  }
}

void show_reasons(Page& page, const Json& decision) {
  for (const std::string& reason : page.texts(decision, "reasons")) page.prose(reason, 2, Tone::plain, 2);
}

std::string placements_text(const Page& page, const Json& candidate) {
  std::string text;
  for (const Json& placement : Page::member(candidate, "placements")) {
    const auto score = Page::number(placement, "score");
    text += (text.empty() ? "" : ", ") + page.node(placement, "node") + (score ? " " + fixed(*score, 2) : "");
  }
  return text;
}

void show_candidates(Page& page, const Json& candidates) {
  if (candidates.empty()) {
    page.line({{"no process that could leave", Tone::dim}});
    return;
  }
  Table table{{{"PID", true},
               {"CPU", true},
               {"RSS", true},
               {"AGE", true, false, 1},
               {"GRADE"},
               {"MOVE"},
               {"TARGET", false, true},
               {"COMMAND", false, true}},
              {}};
  for (const Json& candidate : candidates) {
    const Json& placements = Page::member(candidate, "placements");
    const std::string target =
        placements.is_array() && !placements.empty() ? page.node(placements.front(), "node", true) : "";
    const bool move = Page::flag(candidate, "move");
    const std::string grade = page.text(candidate, "restartable");
    const auto cpu = Page::number(candidate, "cpu_fraction");
    table.rows.push_back({page.text(candidate, "pid"),
                          cpu ? fixed(*cpu, 2) : "",
                          bytes(Page::number(candidate, "rss_bytes")),
                          duration(Page::number(candidate, "age_seconds")),
                          {grade, tone_of_grade(grade)},
                          {move ? "yes" : "no", move ? Tone::warn : Tone::plain},
                          target,
                          page.text(candidate, "command")});
  }
  page.table(table);
  for (const Json& candidate : candidates) {
    const auto reasons = page.texts(candidate, "reasons");
    const std::string execution = page.text(candidate, "execution");
    const Json& placements = Page::member(candidate, "placements");
    if (reasons.empty() && execution.empty() && placements.size() < 2) continue;
    page.blank();
    // The whole of it stands in the table.
    page.line(
        {{page.text(candidate, "pid"), Tone::bold}, {" " + cut(page.text(candidate, "command"), 70, "...")}});
    for (const std::string& reason : reasons) page.prose(reason, 2, Tone::plain, 2);
    if (!execution.empty())
      page.prose(
          "execution " + execution + " holds it" + (Page::flag(candidate, "paused") ? "; it is paused" : ""),
          2, Tone::plain, 2);
    if (placements.size() > 1) page.prose("could go to " + placements_text(page, candidate), 2, Tone::dim, 2);
  }
}

void show_refused_nodes(Page& page, const Json& decision) {
  const Json& refused = Page::member(decision, "refused_nodes");
  if (refused.empty()) return;
  page.heading("Refused nodes");
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Json& node : refused) rows.emplace_back(page.node(node, "node"), page.text(node, "reason"));
  page.pairs(rows, 2);
}

void show_marks(Page& page, const Json& decision) {
  const Json& thresholds = Page::member(decision, "thresholds");
  if (!thresholds.is_object() || thresholds.empty()) return;
  page.heading("Thresholds");
  std::string all;
  for (const auto& [name, value] : thresholds.items())
    all += (all.empty() ? "" : ", ") + page.value(Json(name)) + " " + page.value(value);
  page.prose(all, 2, Tone::dim);
}

}  // namespace grid::text
