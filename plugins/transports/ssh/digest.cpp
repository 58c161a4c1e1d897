#include "digest.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <array>

#include "grid/sdk/bytes.hpp"

namespace grid::ssh {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string fingerprint(std::string_view key_blob) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(key_blob.data(), key_blob.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    return {};
  std::string text = "SHA256:" + encode_base64({reinterpret_cast<const char*>(digest.data()), size});
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::string hmac_sha1(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), digest.data(),
           &size) == nullptr)
    return {};
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  return ::getrandom(out.data(), count, 0) == static_cast<ssize_t>(count) ? out : std::string();
}

}  // namespace grid::ssh
