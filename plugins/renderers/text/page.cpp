#include "page.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "grid/sdk/bytes.hpp"
#include "width.hpp"

namespace grid::text {
namespace {

const char* escape_of(Tone tone) {
  switch (tone) {
    case Tone::bold:
      return "\x1b[1m";
    case Tone::dim:
      return "\x1b[2m";
    case Tone::good:
      return "\x1b[32m";
    case Tone::warn:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::plain:
      break;
  }
  return "";
}

// {"b64": "…"}: bytes that no JSON string can hold.
std::optional<std::string> bytes_of(const Json& json) {
  if (json.is_string()) return json.get_ref<const std::string&>();
  if (json.is_object() && json.size() == 1 && Page::member(json, "b64").is_string())
    if (auto decoded = decode_base64(json["b64"].get_ref<const std::string&>())) return *decoded;
  return std::nullopt;
}

constexpr std::size_t gap = 2;
constexpr std::string_view simulated_mark = "(simulated)";

Span shown(const Span& cell) { return cell.text.empty() ? Span("<none>", Tone::dim) : cell; }

// A name may be cut, never the mark behind it.
std::string cut_cell(std::string_view text, std::size_t width, std::string_view ellipsis) {
  if (!text.ends_with(simulated_mark) || width <= simulated_mark.size()) return cut(text, width, ellipsis);
  text.remove_suffix(simulated_mark.size());
  return cut(text, width - simulated_mark.size(), ellipsis).append(simulated_mark);
}

// Which columns a table shows, and how wide: what gives is cut to a comfortable width, then what is spare is
// left out, then what gives is cut further.
class Layout {
 public:
  struct Shown {
    std::size_t index;
    std::size_t width;
  };

  Layout(const Table& table, std::size_t room) : table_(table), room_(room) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      std::size_t width = cells(table.columns[i].title);
      for (const Line& row : table.rows) width = std::max(width, cells(shown(row[i]).text));
      columns_.push_back({i, width});
    }
    shrink(14);
    while (total() > room_ && leave_one_out()) continue;
    shrink(6);
  }
  [[nodiscard]] const std::vector<Shown>& columns() const { return columns_; }

 private:
  [[nodiscard]] std::size_t total() const {
    std::size_t sum = 0;
    for (const Shown& column : columns_) sum += column.width + (sum == 0 ? 0 : gap);
    return sum;
  }
  [[nodiscard]] std::size_t least(const Shown& column, std::size_t comfort) const {
    for (const Line& row : table_.rows)
      if (row[column.index].text.ends_with(simulated_mark))
        return std::max(comfort, simulated_mark.size() + 4);
    return comfort;
  }
  // The widest that gives is cut first.
  void shrink(std::size_t comfort) {
    for (std::size_t sum = total(); sum > room_; --sum) {
      Shown* widest = nullptr;
      for (Shown& column : columns_)
        if (table_.columns[column.index].gives && column.width > least(column, comfort) &&
            (widest == nullptr || column.width > widest->width))
          widest = &column;
      if (widest == nullptr) return;
      --widest->width;
    }
  }
  bool leave_one_out() {
    const auto spare = [&](const Shown& column) { return table_.columns[column.index].spare; };
    const auto most = std::max_element(columns_.begin(), columns_.end(),
                                       [&](const Shown& a, const Shown& b) { return spare(a) < spare(b); });
    if (most == columns_.end() || spare(*most) == 0) return false;
    columns_.erase(most);
    return true;
  }

  const Table& table_;
  std::size_t room_;
  std::vector<Shown> columns_;
};

}  // namespace

Page::Page(const View& view, const Json& json, WallTime now)
    : json_(json), columns_(view.columns), colour_(view.colour), unicode_(view.unicode), now_(now) {
  if (const auto taken = bytes_of(member(json, "taken_at")))
    if (const auto at = parse_time(*taken)) now_ = *at;
  collect_simulated(json);
}

// A node is simulated when anything in the view says so: {"node" or "name": …, "simulated": true}, or the
// list "simulated_nodes".
void Page::collect_simulated(const Json& json) {
  if (json.is_object()) {
    if (flag(json, "simulated"))
      for (const char* key : {"node", "name"})
        if (const auto name = bytes_of(member(json, key))) simulated_.insert(*name);
    for (const Json& name : member(json, "simulated_nodes"))
      if (name.is_string()) simulated_.insert(name.get<std::string>());
  }
  if (json.is_structured())
    for (const Json& child : json) collect_simulated(child);
}

std::string Page::safe(std::string_view bytes) const {
  std::string text = visible(bytes);
  return unicode_ ? text : to_ascii(text);
}

const Json& Page::member(const Json& object, const char* name) {
  static const Json absent;
  if (!object.is_object()) return absent;
  const auto found = object.find(name);
  return found == object.end() ? absent : *found;
}

std::string Page::text(const Json& object, const char* name) const { return value(member(object, name)); }

std::string Page::value(const Json& json) const {
  if (json.is_null()) return {};
  if (const auto bytes = bytes_of(json)) return safe(*bytes);
  if (json.is_number_float()) {
    std::string number = fixed(json.get<double>(), 3);
    if (number.find('.') != std::string::npos) {
      number.erase(number.find_last_not_of('0') + 1);
      if (number.back() == '.') number.pop_back();
    }
    return number;
  }
  if (json.is_array() &&
      std::none_of(json.begin(), json.end(), [](const Json& item) { return item.is_array(); })) {
    std::string joined;
    for (const Json& item : json) joined += (joined.empty() ? "" : ", ") + value(item);
    return joined;
  }
  return safe(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::optional<double> Page::number(const Json& object, const char* name) {
  const Json& found = member(object, name);
  return found.is_number() ? std::optional(found.get<double>()) : std::nullopt;
}

bool Page::flag(const Json& object, const char* name) {
  const Json& found = member(object, name);
  return found.is_boolean() && found.get<bool>();
}

std::vector<std::string> Page::texts(const Json& object, const char* name) const {
  std::vector<std::string> list;
  const Json& found = member(object, name);
  if (!found.is_array()) return list;
  for (const Json& item : found) list.push_back(value(item));
  return list;
}

std::string Page::node(const Json& object, const char* name, bool in_table) const {
  const auto raw = bytes_of(member(object, name));
  if (!raw) return {};
  const bool simulated = simulated_.count(*raw) != 0;
  return safe(*raw) + (!simulated ? "" : in_table ? "(simulated)" : " (simulated)");
}

std::string Page::time(const Json& object, const char* name) const {
  const auto raw = bytes_of(member(object, name));
  return raw ? clock(parse_time(*raw), now_) : std::string();
}

std::string Page::age(const Json& object, const char* name) const { return span_of(object, name, ""); }

std::string Page::span_of(const Json& object, const char* from, const char* to) const {
  const auto first = bytes_of(member(object, from));
  const auto last = bytes_of(member(object, to));
  const auto begin = first ? parse_time(*first) : std::nullopt;
  const auto end = last ? parse_time(*last) : std::optional(now_);
  if (!begin || !end) return {};
  const auto milliseconds = (*end - *begin).count();
  return duration(static_cast<double>(milliseconds) / 1000);
}

void Page::line(const Line& spans, std::size_t indent) {
  std::size_t left = columns_ == 0 ? std::string::npos : columns_;
  Line parts{std::string(std::min(indent, left), ' ')};
  left -= parts.front().text.size();
  for (const Span& span : spans) {
    parts.emplace_back(cut(span.text, left, ellipsis()), span.tone);
    left -= std::min(left, cells(parts.back().text));
  }
  while (!parts.empty()) {  // no blanks at the end
    std::string& last = parts.back().text;
    last.erase(last.find_last_not_of(' ') + 1);
    if (!last.empty()) break;
    parts.pop_back();
  }
  for (const Span& part : parts) {
    const bool painted = colour_ && part.tone != Tone::plain && !part.text.empty();
    out_ += painted ? escape_of(part.tone) + part.text + "\x1b[0m" : part.text;
  }
  out_ += '\n';
}

void Page::blank() {
  if (!out_.empty() && !out_.ends_with("\n\n")) out_ += "\n";
}

void Page::heading(const std::string& title) {
  blank();
  line({{title, Tone::bold}});
}

void Page::prose(const std::string& text, std::size_t indent, Tone tone, std::size_t hang) {
  const std::size_t room =
      columns_ == 0 ? 0 : std::max<std::size_t>(columns_, indent + hang + 8) - indent - hang;
  bool first = true;
  for (const std::string& part : wrap(text, room)) {
    line({{part, tone}}, indent + (first ? 0 : hang));
    first = false;
  }
}

void Page::table(const Table& table, std::size_t indent) {
  Layout layout(table, columns_ == 0 ? std::string::npos : columns_ - std::min(columns_, indent));
  const auto put = [&](const std::function<Span(std::size_t)>& cell) {
    Line spans;
    for (const auto& [index, width] : layout.columns()) {
      Span span = cell(index);
      span.text = cut_cell(span.text, width, ellipsis());
      const std::string padding(width - std::min(width, cells(span.text)), ' ');
      const bool right = table.columns[index].right;
      spans.emplace_back((spans.empty() ? "" : std::string(gap, ' ')) + (right ? padding : ""));
      spans.push_back(std::move(span));
      if (!right) spans.emplace_back(padding);
    }
    line(spans, indent);
  };
  put([&](std::size_t i) { return Span(table.columns[i].title, Tone::dim); });
  for (const Line& row : table.rows) put([&](std::size_t i) { return shown(row[i]); });
}

void Page::pairs(const std::vector<std::pair<std::string, std::string>>& rows, std::size_t indent) {
  std::size_t width = 0;
  for (const auto& [name, text] : rows)
    if (!text.empty()) width = std::max(width, cells(name));
  for (const auto& [name, text] : rows) {
    if (text.empty()) continue;
    const std::size_t room =
        columns_ == 0 ? 0 : std::max<std::size_t>(columns_, indent + width + 10) - indent - width - 2;
    std::string head = name + std::string(width - cells(name) + 2, ' ');
    for (const std::string& part : wrap(text, room)) {
      line({{head, Tone::dim}, {part}}, indent);
      head.assign(width + 2, ' ');
    }
  }
}

std::string Page::bar(double fraction, std::size_t width) const {
  const double share = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  const auto full = static_cast<std::size_t>(std::lround(share * static_cast<double>(width)));
  std::string out;
  for (std::size_t i = 0; i < width; ++i) out += i < full ? (unicode_ ? "█" : "#") : (unicode_ ? "░" : ".");
  return out;
}

const char* Page::tick(bool holds) const { return unicode_ ? (holds ? "✓" : "✗") : (holds ? "ok" : "no"); }

Tone tone_of_state(std::string_view state) noexcept {
  for (const char* good : {"alive", "running", "completed", "ok", "available"})
    if (state == good) return Tone::good;
  for (const char* bad : {"dead", "failed", "aborted", "lost", "faulted", "refused"})
    if (state == bad) return Tone::bad;
  for (const char* warn : {"suspect", "draining", "cancelled", "suspended", "disabled", "unknown"})
    if (state == warn) return Tone::warn;
  return Tone::plain;
}

}  // namespace grid::text
