// Opening a plugin's shared object, with the handshake before any of its code runs. The only part that knows
// Boost.DLL.
#pragma once

#include "core/registry/plugin_file.hpp"
#include "grid/sdk/plugin.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

// Reads the ABI number from the names of the file's sections; runs nothing. Error: plugin_incompatible, with
// both numbers. [any]
[[nodiscard]] Result<> check_abi(const PluginFile& file);

// Opens (all symbols now, none shared) and checks the descriptor. Runs the library's static initialisers. The
// library is never closed: what is answered lives as long as the process. Error: plugin_incompatible. [any]
[[nodiscard]] Result<const Descriptor*> open_library(const PluginFile& file);

}  // namespace grid
