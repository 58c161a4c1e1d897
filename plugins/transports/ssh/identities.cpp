#include "identities.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "grid/sdk/bytes.hpp"
#include "known_hosts.hpp"

namespace grid::ssh {
namespace {

constexpr std::size_t largest_key = 64U << 10U;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(largest_key, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

std::string blob_of_public(const std::string& text) {
  const auto first = text.find(' ');
  if (first == std::string::npos) return {};
  const auto end = std::min(text.find_first_of(" \r\n", first + 1), text.size());
  return decode_base64(std::string_view(text).substr(first + 1, end - first - 1)).value_or(std::string());
}

// What OpenSSH's own format tells in the clear.
bool read_openssh(const std::string& text, Identity& into) {
  constexpr std::string_view begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
  const auto from = text.find(begin);
  const auto to = text.find("-----END", from == std::string::npos ? 0 : from + begin.size());
  if (from == std::string::npos || to == std::string::npos) return false;
  std::string base64;
  std::copy_if(text.begin() + static_cast<std::ptrdiff_t>(from + begin.size()),
               text.begin() + static_cast<std::ptrdiff_t>(to), std::back_inserter(base64),
               [](char each) { return each != '\n' && each != '\r' && each != ' '; });
  const auto decoded = decode_base64(base64);
  constexpr std::string_view magic("openssh-key-v1\0", 15);
  if (!decoded || !decoded->starts_with(magic)) return false;
  std::string_view rest = std::string_view(*decoded).substr(magic.size());
  std::string_view cipher;
  std::string_view skipped;
  if (!take_field(rest, cipher) || !take_field(rest, skipped) || !take_field(rest, skipped) ||
      rest.size() < 4)
    return false;
  rest.remove_prefix(4);  // how many keys: one
  std::string_view blob;
  if (!take_field(rest, blob)) return false;
  into.encrypted = cipher != "none";
  into.blob = blob;
  return true;
}

}  // namespace

bool take_field(std::string_view& bytes, std::string_view& field) {
  if (bytes.size() < 4) return false;
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size = size << 8U | static_cast<unsigned char>(bytes[i]);
  if (size > bytes.size() - 4) return false;
  field = bytes.substr(4, size);
  bytes.remove_prefix(4 + size);
  return true;
}

std::string as_field(std::string_view bytes) {
  std::string out;
  for (unsigned int shift = 32; shift > 0; shift -= 8)
    out += static_cast<char>(static_cast<unsigned char>(bytes.size() >> (shift - 8)));
  return out.append(bytes);
}

Identity read_identity(const std::string& text, const std::string& public_text) {
  Identity identity;
  if (!read_openssh(text, identity)) {
    identity.encrypted = text.find("ENCRYPTED") != std::string::npos;
    identity.blob = blob_of_public(public_text);
    if (text.find("BEGIN RSA PRIVATE KEY") != std::string::npos) identity.type = "ssh-rsa";
  }
  if (identity.type.empty()) identity.type = key_type(identity.blob);
  return identity;
}

std::vector<Identity> identities(const Destination& to) {
  std::vector<Identity> out;
  for (const std::string& file : to.identity_files) {
    const std::string text = contents(file);
    const std::string public_text = contents(file + ".pub");
    if (text.empty() && public_text.empty()) continue;
    Identity identity = read_identity(text, public_text);
    if (text.empty()) identity.encrypted = true;  // only its public half: the agent may hold the other
    identity.file = file;
    out.push_back(std::move(identity));
  }
  return out;
}

}  // namespace grid::ssh
