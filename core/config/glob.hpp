// The patterns of the configuration: `*` any run of characters, `?` one, `[a-z]`, `[!a-z]` a set, `\` takes
// the next as it is.
#pragma once

#include <string_view>

namespace grid {

// [any] The whole of `text` must match. An unclosed `[` stands for itself. Linear memory, no recursion: safe
// on any input.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text) noexcept;

}  // namespace grid
