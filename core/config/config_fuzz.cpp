// Any bytes as a configuration: either complaints or a Config, in bounded time, and nothing thrown. What is
// accepted must come out of `config show`.
#include <cstdlib>

#include "core/config/show.hpp"
#include "core/config/test_lookup.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const grid::LoadResult result = grid::load_text(std::string(reinterpret_cast<const char*>(data), size));
  for (const grid::ConfigError& error : result.errors)
    if (error.message.empty() || grid::to_string(error).empty()) std::abort();
  if (!result.errors.empty()) return 0;
  const grid::Json shown = grid::config_to_json(result);
  if (!shown["values"].contains("version") || !shown["values"].contains("head.name")) std::abort();
  if (shown["origins"].size() != result.origins.size() || grid::dump_json(shown).empty()) std::abort();
  return 0;
}
