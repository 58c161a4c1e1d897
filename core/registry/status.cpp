#include "core/registry/status.hpp"

namespace grid {

std::string_view to_string(PluginState state) noexcept {
  switch (state) {
    case PluginState::available:
      return "available";
    case PluginState::ok:
      return "ok";
    case PluginState::faulted:
      return "faulted";
    case PluginState::disabled:
      return "disabled";
    case PluginState::refused:
      return "refused";
  }
  return "unknown";
}

}  // namespace grid
