#include "known_hosts.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "digest.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::ssh {
namespace {

constexpr std::size_t largest_file = 16U << 20U;

std::string_view next_field(std::string_view& line) {
  const auto from = std::min(line.find_first_not_of(" \t"), line.size());
  line.remove_prefix(from);
  const std::string_view field = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(field.size());
  return field;
}

char lower(char each) { return each >= 'A' && each <= 'Z' ? static_cast<char>(each - 'A' + 'a') : each; }

// With * and ?, letter case aside. Linear in both: on a mismatch only the last star has to give.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || lower(pattern[p]) == lower(text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool hashed_match(std::string_view field, std::string_view name) {
  field.remove_prefix(3);  // |1|
  const auto bar = field.find('|');
  if (bar == std::string_view::npos) return false;
  const auto salt = decode_base64(field.substr(0, bar));
  const auto hash = decode_base64(field.substr(bar + 1));
  if (!salt || !hash || salt->size() != 20 || hash->size() != 20) return false;
  std::string lowered(name);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
  return hmac_sha1(*salt, lowered) == *hash;
}

int rank(std::string_view type) {
  if (type == "ssh-ed25519") return 0;
  if (type.starts_with("ecdsa-")) return 1;
  return type == "ssh-rsa" ? 3 : 2;
}

std::vector<KnownKey> matching(const std::vector<KnownKey>& all, const std::string& name) {
  std::vector<KnownKey> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out),
               [&](const KnownKey& key) { return names_match(key.names, name); });
  return out;
}

}  // namespace

std::string key_type(std::string_view blob) {
  if (blob.size() < 4) return {};
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size = size << 8U | static_cast<unsigned char>(blob[i]);
  if (size == 0 || size > 64 || size > blob.size() - 4) return {};
  const std::string_view type = blob.substr(4, size);
  const bool printable =
      std::all_of(type.begin(), type.end(), [](char each) { return each > ' ' && each < 0x7f; });
  return printable ? std::string(type) : std::string();
}

std::vector<KnownKey> parse_known_hosts(std::string_view text, const std::string& file) {
  std::vector<KnownKey> out;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    KnownKey key;
    std::string_view field = next_field(line);
    if (field.empty() || field.starts_with('#')) continue;
    if (field.starts_with('@')) {
      if (field == "@revoked")
        key.mark = KnownKey::Mark::revoked;
      else if (field == "@cert-authority")
        key.mark = KnownKey::Mark::authority;
      else
        continue;
      field = next_field(line);
    }
    key.names = field;
    key.type = next_field(line);
    const auto blob = decode_base64(next_field(line));
    if (key.names.empty() || !blob || key.type.empty() || key_type(*blob) != key.type) continue;
    key.fingerprint = fingerprint(*blob);
    key.file = file;
    key.line = number;
    out.push_back(std::move(key));
  }
  return out;
}

bool names_match(std::string_view names, std::string_view name) {
  if (names.starts_with("|1|")) return hashed_match(names, name);
  bool found = false;
  while (!names.empty()) {
    std::string_view pattern = names.substr(0, names.find(','));
    names.remove_prefix(std::min(pattern.size() + 1, names.size()));
    const bool negated = pattern.starts_with('!');
    if (negated) pattern.remove_prefix(1);
    if (pattern.empty() || !matches(pattern, name)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

std::string recorded_name(const Destination& destination) {
  if (!destination.host_key_alias.empty()) return destination.host_key_alias;
  if (destination.port == 22) return destination.host_name;
  return "[" + destination.host_name + "]:" + std::to_string(destination.port);
}

KnownHost::Answer KnownHost::look_up(std::string_view type, std::string_view key_fingerprint) const {
  Answer answer;
  for (const KnownKey& key : keys_) {
    const bool same = key.fingerprint == key_fingerprint;
    if (key.mark == KnownKey::Mark::revoked && same) return {State::revoked, &key};
    if (key.mark != KnownKey::Mark::none || answer.state == State::known || (key.other_port && !same))
      continue;
    if (same)
      answer = {State::known, &key};
    else if (key.type == type && answer.state != State::changed)
      answer = {State::changed, &key};
    else if (answer.state == State::unknown)
      answer = {State::other_type, &key};
  }
  return answer;
}

std::vector<std::string> KnownHost::types() const {
  std::vector<std::string> out;
  for (const KnownKey& key : keys_) {
    if (key.mark == KnownKey::Mark::none && std::find(out.begin(), out.end(), key.type) == out.end())
      out.push_back(key.type);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  return out;
}

bool KnownHost::has_authority() const {
  return std::any_of(keys_.begin(), keys_.end(),
                     [](const KnownKey& key) { return key.mark == KnownKey::Mark::authority; });
}

KnownHost load_known_hosts(const Destination& destination) {
  std::vector<KnownKey> all;
  const auto add = [&all](const std::vector<std::string>& files) {
    for (const std::string& path : files) {
      std::ifstream file(path, std::ios::binary);
      if (!file) continue;
      std::string text(largest_file, '\0');
      file.read(text.data(), static_cast<std::streamsize>(text.size()));
      text.resize(static_cast<std::size_t>(file.gcount()));
      auto keys = parse_known_hosts(text, path);
      std::move(keys.begin(), keys.end(), std::back_inserter(all));
    }
  };
  add(destination.user_known_hosts);
  add(destination.global_known_hosts);
  const std::string name = recorded_name(destination);
  auto keys = matching(all, name);
  // As ssh does: a key recorded without a port is good for every port of the host, if it is the very key.
  // Only when nothing is on record for the port itself.
  const bool by_port = destination.host_key_alias.empty() && destination.port != 22;
  if (by_port) {
    const bool none = std::none_of(keys.begin(), keys.end(),
                                   [](const KnownKey& key) { return key.mark == KnownKey::Mark::none; });
    for (KnownKey& key : matching(all, destination.host_name)) {
      if (key.mark == KnownKey::Mark::revoked || (none && key.mark == KnownKey::Mark::none)) {
        key.other_port = true;
        keys.push_back(std::move(key));
      }
    }
  }
  return KnownHost(std::move(keys));
}

}  // namespace grid::ssh
