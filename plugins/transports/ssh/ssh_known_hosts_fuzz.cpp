// Any bytes as a known_hosts file: read without harm; every record lies within the file, and a negated
// pattern never lets a name through that it names.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "known_hosts.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace grid::ssh;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto keys = parse_known_hosts(text, "file");
  for (const KnownKey& key : keys) {
    if (key.line == 0 || key.names.empty() || key.type.empty() || !key.fingerprint.starts_with("SHA256:"))
      std::abort();
    for (const std::string_view name : {"host", "[host]:2222", "::1", "n1.example.org"}) {
      (void)names_match(key.names, name);
      if (!key.names.starts_with("|1|") && names_match(key.names + ",!" + std::string(name), name))
        std::abort();
    }
  }
  const KnownHost host(keys);
  for (const KnownKey& key : keys) {
    const auto answer = host.look_up(key.type, key.fingerprint);
    if (key.mark == KnownKey::Mark::revoked && answer.state != KnownHost::State::revoked) std::abort();
    if (key.mark == KnownKey::Mark::none && answer.state != KnownHost::State::known &&
        answer.state != KnownHost::State::revoked)
      std::abort();
  }
  (void)host.types();
  return 0;
}
