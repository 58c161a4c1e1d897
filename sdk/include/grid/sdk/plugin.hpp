// A plugin's identity and life, and the macro that makes a class one.
//
//   class Mine : public grid::Policy { … };
//   GRID_PLUGIN(policy, mine, "1.0.0", "One sentence.", Mine, options, sample_yaml)
//
// The shared object is grid_<kind>_<name>.so; kind and name of descriptor and file must agree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "grid/sdk/abi.hpp"
#include "grid/sdk/host.hpp"
#include "grid/sdk/options.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

enum class Kind : std::uint32_t { policy = 1, transport = 2, metrics = 3, renderer = 4 };
// "policy", "transport", "metrics", "renderer": as in file names and YAML.
[[nodiscard]] GRID_SDK std::string_view to_string(Kind kind) noexcept;

class GRID_SDK Plugin {
 public:
  Plugin() = default;
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  virtual ~Plugin();
  // [loop] Once, before start(). Keeps checked values; no I/O. Error: what is wrong beyond what the schema
  // can say.
  virtual Result<> configure(const Options& options);
  // [loop] Once, after configure(). Acquires what it needs. A retryable error leaves the object as it was.
  virtual Result<> start();
  // [loop] Idempotent. After return no callback comes and no work of the plugin runs.
  virtual void stop() noexcept;
  // [any] An optional interface by id, or null. Valid as long as the plugin.
  [[nodiscard]] virtual void* capability(std::string_view id) noexcept;
};

// Constant data, read by the host right after it opened the library; `size`, `abi` and `fingerprint` first,
// so that they can be compared before anything else is believed.
struct Descriptor {
  std::uint32_t size;
  std::uint32_t abi;
  const char* fingerprint;
  Kind kind;
  const char* name;
  const char* version;
  const char* summary;  // one sentence
  const OptionSpec* options;
  std::size_t option_count;
  const char* sample_yaml;          // options of this plugin as one would write them
  Plugin* (*make)(Host& host);      // may throw: the host fences it
  void (*destroy)(Plugin* plugin);  // takes back what make gave
};

}  // namespace grid

#define GRID_PLUGIN(kind_, name_, version_, summary_, class_, options_, sample_)                     \
  __attribute__((section(GRID_ABI_SECTION), used)) static const char grid_abi_mark = 1;              \
  extern "C" __attribute__((visibility("default"))) const ::grid::Descriptor grid_plugin_descriptor; \
  const ::grid::Descriptor grid_plugin_descriptor = {                                                \
      sizeof(::grid::Descriptor),                                                                    \
      GRID_ABI,                                                                                      \
      GRID_FINGERPRINT,                                                                              \
      ::grid::Kind::kind_,                                                                           \
      #name_,                                                                                        \
      version_,                                                                                      \
      summary_,                                                                                      \
      std::span<const ::grid::OptionSpec>(options_).data(),                                          \
      std::span<const ::grid::OptionSpec>(options_).size(),                                          \
      sample_,                                                                                       \
      [](::grid::Host& host) -> ::grid::Plugin* { return new class_(host); },                        \
      [](::grid::Plugin* plugin) { delete plugin; }};
