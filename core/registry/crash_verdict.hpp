// Who took a process down, judged from the crash markers of processes that are dead; and what that plugin
// gets for it.
//
// A death that the fatal-signal handler confirmed disables the plugin. An unconfirmed one (SIGKILL, power,
// _exit) may be anybody's: the first is only remembered, the second in the same plugin disables it. Deaths
// outside of every plugin count for nobody. In the marker folder: `suspect-<plugin>` remembers,
// `disabled-<plugin>` disables and says why; deleting the latter allows the plugin again.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/result.hpp"

namespace grid {

// Judges and removes the markers of dead processes. Several processes may do so at once. Answers one sentence
// for each plugin that it disabled. Error: storage_failed. [any]
[[nodiscard]] Result<std::vector<std::string>> settle_crashes(const std::filesystem::path& folder);

// Why `plugin` ("policy.threshold") is disabled, as an error with the way back; nothing when it is not. [any]
[[nodiscard]] std::optional<Error> disabled_by_crash(const std::filesystem::path& folder,
                                                     std::string_view plugin);

}  // namespace grid
