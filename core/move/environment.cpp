#include "core/move/environment.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "core/move/ignore.hpp"

namespace grid {

bool looks_secret(std::string_view name) {
  constexpr std::array<std::string_view, 26> words{
      "TOKEN",     "TOKENS",     "SECRET",     "SECRETS",     "PASSWORD", "PASSWORDS", "PASSWD",
      "PASS",      "PASSPHRASE", "PASSCODE",   "KEY",         "KEYS",     "APIKEY",    "ACCESSKEY",
      "SECRETKEY", "PRIVATEKEY", "CREDENTIAL", "CREDENTIALS", "AUTH",     "AUTHTOKEN", "AUTHORIZATION",
      "COOKIE",    "COOKIES",    "SESSIONID",  "XAUTHORITY",  "BEARER"};
  std::string word;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    const char c = i < name.size() ? name[i] : '_';
    if (c >= 'a' && c <= 'z') {
      word += static_cast<char>(c - 'a' + 'A');
    } else if (c >= 'A' && c <= 'Z') {
      word += c;
    } else {
      if (std::find(words.begin(), words.end(), word) != words.end()) return true;
      word.clear();
    }
  }
  return false;
}

FilteredEnvironment filter_environment(const std::vector<std::string>& environment,
                                       const std::vector<std::string>& allow) {
  FilteredEnvironment filtered;
  std::unordered_set<std::string_view> seen;
  for (const std::string& entry : environment) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    const std::string_view name = std::string_view(entry).substr(0, equals);
    if (!seen.insert(name).second) continue;
    const bool named = std::find(allow.begin(), allow.end(), name) != allow.end();
    const bool matched = named || std::any_of(allow.begin(), allow.end(), [&](const std::string& glob) {
                           return glob_matches(glob, name);
                         });
    if (!matched) continue;
    if (named || !looks_secret(name))
      filtered.environment.push_back(entry);
    else
      filtered.withheld.emplace_back(name);
  }
  return filtered;
}

}  // namespace grid
