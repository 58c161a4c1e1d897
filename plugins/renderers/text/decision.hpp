// The parts that a decision is shown by, wherever it appears.
#pragma once

#include "page.hpp"

namespace grid::text {

void show_verdict(Page& page, const Json& decision, const Json& candidates);  // one line
void show_reasons(Page& page, const Json& decision);
void show_candidates(Page& page, const Json& candidates);  // the table, then the reasons of each
void show_refused_nodes(Page& page, const Json& decision);
void show_marks(Page& page, const Json& decision);
[[nodiscard]] std::string placements_text(const Page& page, const Json& candidate);
[[nodiscard]] Tone tone_of_grade(std::string_view grade) noexcept;

}  // namespace grid::text
