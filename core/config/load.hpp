// From files to a Config: the built-in profile, then /etc/grid/grid.yaml, then the user's file. Maps merge;
// lists and scalars replace. All complaints at once, each with its place. [any] Nothing throws; nothing is
// written.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dirs.hpp"
#include "core/config/config.hpp"
#include "grid/sdk/options.hpp"
#include "grid/sdk/plugin.hpp"

namespace grid {

// The options of a plugin, or why there are none (its message and hint become the complaint). May be empty:
// then plugins and their options are not checked, not kept, and named in LoadResult::unchecked.
using OptionLookup = std::function<Result<std::span<const OptionSpec>>(Kind kind, std::string_view name)>;

struct LoadRequest {
  Dirs dirs;                     // profiles in dirs.share, the user's file in dirs.config
  std::string profile = "home";  // dirs.share/<profile>.yaml, or a path if it contains '/'
  std::filesystem::path system_file = "/etc/grid/grid.yaml";
  std::optional<std::filesystem::path>
      file;  // instead of the user's file; must exist (--config, GRID_CONFIG)
};
// [any] The request of this process: find_dirs(), GRID_PROFILE and GRID_CONFIG.
[[nodiscard]] LoadRequest load_request_from_environment();

struct ConfigError {
  std::string file;
  int line = 0;  // 0: about the file as a whole
  int column = 0;
  std::string path;  // "offload.allow[0].command"; may be empty
  std::string message;
};
// "home.yaml:12:3: plugins.policy.threshold.cpu_hihg: unknown option; did you mean 'cpu_high'?"
[[nodiscard]] std::string to_string(const ConfigError& error);

struct LoadResult {
  Config config;  // only to be used when `errors` is empty
  std::map<std::string, std::string>
      origins;  // path → "file:line:column" of what the files state; the rest are defaults
  std::vector<std::string> files;  // that were read, lowest layer first
  std::vector<ConfigError> errors;
  std::vector<std::string> unchecked;  // "policy.threshold": no lookup was given
  // The errors as one: config_invalid, a line each. Call it only when there are some.
  [[nodiscard]] Error error() const;
};

[[nodiscard]] LoadResult load_config(const LoadRequest& request, const OptionLookup& lookup);

// The same for texts at hand (tests, `config check -`): lowest layer first. `host` is the head's name if none
// is stated.
struct ConfigText {
  std::string file;
  std::string text;
};
[[nodiscard]] LoadResult load_config_texts(const std::vector<ConfigText>& layers, std::string_view host,
                                           const OptionLookup& lookup);

}  // namespace grid
