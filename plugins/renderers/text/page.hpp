// The sheet a view is written on. Every text that reaches it from a view is made safe here, and every line is
// kept to the width; the functions that lay out a view do neither.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/renderer.hpp"
#include "units.hpp"

namespace grid::text {

using Json = nlohmann::ordered_json;

enum class Tone { plain, bold, dim, good, warn, bad };

struct Span {
  std::string text;
  Tone tone = Tone::plain;
  Span(std::string text_, Tone tone_ = Tone::plain) : text(std::move(text_)), tone(tone_) {}
  Span(const char* text_, Tone tone_ = Tone::plain) : text(text_), tone(tone_) {}
};
using Line = std::vector<Span>;

struct Column {
  std::string title;
  bool right = false;  // numbers
  bool gives = false;  // is cut when the table is too wide
  int spare = 0;       // is left out when cutting is not enough, the highest first; 0: never
};

struct Table {
  std::vector<Column> columns;
  std::vector<Line> rows;  // one span a cell; an empty one is shown as <none>, so that columns can be counted
};

class Page {
 public:
  // `json` outlives the page. `now` is what ages are counted from where the view does not say when it was
  // taken.
  Page(const View& view, const Json& json, WallTime now);

  // Members of an object, whatever it really is. Texts come out safe for a terminal; absent is empty or
  // nothing.
  [[nodiscard]] std::string text(const Json& object, const char* name) const;
  [[nodiscard]] std::string value(const Json& json) const;  // any value on one line
  [[nodiscard]] static std::optional<double> number(const Json& object, const char* name);
  [[nodiscard]] static bool flag(const Json& object, const char* name);
  [[nodiscard]] static const Json& member(const Json& object, const char* name);  // null when absent
  [[nodiscard]] std::vector<std::string> texts(const Json& object, const char* name) const;
  // A node's name with "(simulated)" where it is: "w1 (simulated)", in tables "w1(simulated)".
  [[nodiscard]] std::string node(const Json& object, const char* name, bool in_table = false) const;
  [[nodiscard]] std::string time(const Json& object, const char* name) const;  // clock
  [[nodiscard]] std::string age(const Json& object, const char* name) const;   // from then until now
  // From one to the other, or until now while the second is absent.
  [[nodiscard]] std::string span_of(const Json& object, const char* from, const char* to) const;

  void line(const Line& spans, std::size_t indent = 0);
  void blank();                            // one, never two
  void heading(const std::string& title);  // after a blank
  // Wrapped; lines after the first are indented by `hang` more.
  void prose(const std::string& text, std::size_t indent = 0, Tone tone = Tone::plain, std::size_t hang = 0);
  void table(const Table& table, std::size_t indent = 0);
  void pairs(const std::vector<std::pair<std::string, std::string>>& rows,
             std::size_t indent = 0);  // empty ones left out

  [[nodiscard]] const Json& json() const { return json_; }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] std::string bar(double fraction, std::size_t width) const;
  [[nodiscard]] const char* tick(bool holds) const;
  [[nodiscard]] const char* arrow() const { return unicode_ ? "→" : "->"; }
  [[nodiscard]] const char* ellipsis() const { return unicode_ ? "…" : "..."; }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  [[nodiscard]] std::string safe(std::string_view bytes) const;
  void collect_simulated(const Json& json);

  const Json& json_;
  std::size_t columns_;
  bool colour_;
  bool unicode_;
  WallTime now_;
  std::set<std::string> simulated_;
  std::string out_;
};

// The tone of a state's name: good, bad, or in between.
[[nodiscard]] Tone tone_of_state(std::string_view state) noexcept;

}  // namespace grid::text
