// Plugins as files: which there are, and which of them may be trusted. Nothing here opens a plugin. [any]
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/plugin.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

struct PluginFile {
  Kind kind{};
  std::string name;
  std::filesystem::path path;
};

// "policy" and so on, as in file names and YAML.
[[nodiscard]] std::optional<Kind> kind_from_string(std::string_view text) noexcept;
// "policy.threshold": how a plugin is called in YAML, in messages and in the log.
[[nodiscard]] std::string plugin_id(Kind kind, std::string_view name);

// Kind and name out of grid_<kind>_<name>.so; nothing for any other file name. Names are [a-z0-9_]{1,64}.
[[nodiscard]] std::optional<PluginFile> plugin_from_path(const std::filesystem::path& path);

// The plugins in `folders`, by kind and name, found by file names alone. Folders that do not exist hold none.
[[nodiscard]] std::vector<PluginFile> find_plugins(const std::vector<std::filesystem::path>& folders);

// The same for one name, without a look at the others: a command must not pay for what it does not use.
[[nodiscard]] std::vector<PluginFile> find_plugin(const std::vector<std::filesystem::path>& folders,
                                                  Kind kind, std::string_view name);

// Whether nobody but root and we can change what `file` leads to: the file and its folder belong to root or
// us and are not writable by group or others, and so is every folder and symbolic link on the way (a sticky
// folder such as /tmp may stand further up). Error: policy_denied, in one sentence, with the fix.
[[nodiscard]] Result<> check_trusted(const std::filesystem::path& file);

}  // namespace grid
