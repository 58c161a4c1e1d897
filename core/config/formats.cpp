#include "core/config/formats.hpp"

#include <algorithm>

namespace grid {
namespace {

constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view digits = "0123456789";

bool is_one_of(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool all(std::string_view text, bool (*holds)(char)) { return std::all_of(text.begin(), text.end(), holds); }

bool is_name(std::string_view text, std::string_view separator) {
  return !text.empty() && text.size() <= 63 && !is_one_of(separator, text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return is_one_of(lower, c) || is_one_of(digits, c) || is_one_of(separator, c);
         });
}

bool is_node_name(std::string_view text) { return is_name(text, "-"); }
bool is_plugin_name(std::string_view text) { return is_name(text, "_") && !is_one_of(digits, text.front()); }

bool is_plugin_key(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || !is_plugin_name(text.substr(dot + 1))) return false;
  const std::string_view kind = text.substr(0, dot);
  return kind == "policy" || kind == "transport" || kind == "metrics" || kind == "renderer";
}

bool is_variable_name(std::string_view text) {
  return !text.empty() && !is_one_of(digits, text.front()) &&
         all(text, [](char c) { return is_letter(c) || is_one_of(digits, c) || c == '_'; });
}

bool is_variable_glob(std::string_view text) {
  return !text.empty() && all(text, [](char c) { return is_letter(c) || is_one_of("0123456789_*?[]!-", c); });
}

bool is_path(std::string_view text) { return text.starts_with('/') || text.starts_with("~/"); }

bool is_full_path(std::string_view text) {
  if (!text.starts_with('/')) return false;
  for (std::size_t slash = 0; slash != std::string_view::npos;) {
    const std::size_t next = text.find('/', slash + 1);
    const std::string_view part = text.substr(slash + 1, next == text.npos ? next : next - slash - 1);
    if (part == "." || part == "..") return false;
    slash = next;
  }
  return true;
}

bool is_program(std::string_view text) {
  return !text.empty() && (text.find('/') == std::string_view::npos || text.front() == '/');
}

bool is_word(std::string_view text) {
  return !text.empty() && all(text, [](char c) { return c != ' ' && c != '\t' && c != '\n' && c != '\r'; });
}

}  // namespace

const TextFormat node_name_format{"a name of a-z, 0-9 and '-', at most 63 characters, not beginning with '-'",
                                  "^[a-z0-9][a-z0-9-]{0,62}$", is_node_name};
const TextFormat plugin_name_format{"the name of a plugin (a-z, 0-9 and '_')", "^[a-z][a-z0-9_]{0,62}$",
                                    is_plugin_name};
const TextFormat plugin_key_format{"'KIND.NAME' with the kind policy, transport, metrics or renderer",
                                   "^(policy|transport|metrics|renderer)\\.[a-z][a-z0-9_]{0,62}$",
                                   is_plugin_key};
const TextFormat variable_name_format{"the name of a variable (letters, digits and '_')",
                                      "^[A-Za-z_][A-Za-z0-9_]*$", is_variable_name};
const TextFormat variable_glob_format{"the name of a variable or a pattern such as LC_*",
                                      "^[A-Za-z0-9_*?!\\[\\]-]+$", is_variable_glob};
const TextFormat path_format{"a path that begins with '/' or '~/'", "^(/|~/)", is_path};
const TextFormat full_path_format{"a path that begins with '/', without '.' and '..' in it",
                                  "^/(?!(.*/)?\\.\\.?(/|$))", is_full_path};
const TextFormat program_format{"a program's name, a pattern such as python*, or a full path",
                                "^(/.*|[^/]+)$", is_program};
const TextFormat word_format{"a word without blanks", "^\\S+$", is_word};

}  // namespace grid
