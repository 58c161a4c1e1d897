// Where things lie on this machine, for this user. GRID_STATE_DIR overrides state, socket and lock together.
#pragma once

#include <filesystem>
#include <vector>

namespace grid {

struct Dirs {
  std::filesystem::path state;    // $XDG_STATE_HOME/grid, ~/.local/state/grid
  std::filesystem::path runtime;  // $XDG_RUNTIME_DIR/grid, else <state>/run: holds grid.sock
  std::filesystem::path config;   // $XDG_CONFIG_HOME/grid, ~/.config/grid
  std::filesystem::path
      library;  // <prefix>/lib: libgrid_sdk.so, grid/plugins, grid/grid-shim; found from the running program
  std::filesystem::path share;  // profiles: <prefix>/share/grid/config, or config/ of the source tree
  [[nodiscard]] std::filesystem::path socket() const { return runtime / "grid.sock"; }
  [[nodiscard]] std::filesystem::path store() const { return state / "grid.db"; }
  [[nodiscard]] std::filesystem::path plugins() const { return library / "grid" / "plugins"; }
  [[nodiscard]] std::filesystem::path shim() const { return library / "grid" / "grid-shim"; }
};

// From the environment; touches nothing.
[[nodiscard]] Dirs find_dirs();

}  // namespace grid
