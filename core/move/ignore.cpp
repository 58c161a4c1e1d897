#include "core/move/ignore.hpp"

#include <optional>

namespace grid {

namespace {

unsigned char byte(char c) { return static_cast<unsigned char>(c); }

// One element of a pattern against one byte: how long the element is, and whether it fits.
struct Step {
  std::size_t length = 1;
  bool fits = false;
};

// `[a-z]`, `[!a-z]`; a `]` that comes first is itself, `\` takes the next one literally. Absent when never
// closed: then the bracket is a plain one.
std::optional<Step> match_class(std::string_view pattern, char c) {
  std::size_t at = 1;
  const bool negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  bool found = false;
  for (bool first = true; at < pattern.size(); first = false) {
    if (pattern[at] == ']' && !first) return Step{at + 1, found != negated};
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    const char low = pattern[at++];
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      if (pattern[++at] == '\\' && at + 1 < pattern.size()) ++at;
      high = pattern[at++];
    }
    found |= byte(low) <= byte(c) && byte(c) <= byte(high);
  }
  return std::nullopt;
}

Step match_one(std::string_view pattern, char c) {
  if (pattern.front() == '?') return {1, true};
  if (pattern.front() == '\\' && pattern.size() > 1) return {2, pattern[1] == c};
  if (pattern.front() == '[')
    if (const auto step = match_class(pattern, c)) return *step;
  return {1, pattern.front() == c};
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::optional<std::size_t> star;  // after the last `*`, which alone has to be tried again
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    const Step step = p < pattern.size() ? match_one(pattern.substr(p), text[t]) : Step{};
    if (step.fits) {
      p += step.length;
      ++t;
    } else if (star) {
      p = *star;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

namespace {

// Part by part, so that no glob meets a slash.
bool path_matches(std::string_view pattern, std::string_view path) {
  for (;;) {
    const std::size_t p = pattern.find('/');
    const std::size_t t = path.find('/');
    if ((p == std::string_view::npos) != (t == std::string_view::npos)) return false;
    if (!glob_matches(pattern.substr(0, p), path.substr(0, t))) return false;
    if (p == std::string_view::npos) return true;
    pattern.remove_prefix(p + 1);
    path.remove_prefix(t + 1);
  }
}

}  // namespace

Result<IgnoreRules> IgnoreRules::parse(std::string_view text, std::string_view origin) {
  IgnoreRules rules;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const auto refuse = [&](const char* what) {
      return fail(Code::config_invalid, std::string(origin) + ':' + std::to_string(number) + ": " + what,
                  "write names, dir/, /from-the-top and the globs * ? [..]");
    };
    if (line.starts_with('!')) return refuse("a pattern that begins with ! is not supported");
    if (line.find("**") != std::string_view::npos) return refuse("** is not supported");
    Rule rule;
    rule.folder_only = line.ends_with('/');
    if (rule.folder_only) line.remove_suffix(1);
    rule.whole_path = line.find('/') != std::string_view::npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    if (line.empty()) return refuse("this pattern names nothing");
    rule.glob = line;
    rules.rules_.push_back(std::move(rule));
  }
  return rules;
}

void IgnoreRules::add(const IgnoreRules& more) {
  rules_.insert(rules_.end(), more.rules_.begin(), more.rules_.end());
}

bool IgnoreRules::ignores(std::string_view path, bool folder) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  for (const Rule& rule : rules_) {
    if (rule.folder_only && !folder) continue;
    if (rule.whole_path ? path_matches(rule.glob, path) : glob_matches(rule.glob, name)) return true;
  }
  return false;
}

}  // namespace grid
