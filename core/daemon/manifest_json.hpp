// A manifest in the store: what was staged must be known again after a restart, to tell what came back
// changed.
#pragma once

#include "core/base/text.hpp"
#include "core/move/stage.hpp"

namespace grid {

[[nodiscard]] Json manifest_to_json(const Manifest& manifest);
[[nodiscard]] Manifest manifest_from_json(const Json& json);  // what is not understood is left out

}  // namespace grid
