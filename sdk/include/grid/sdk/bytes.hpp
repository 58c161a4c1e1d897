// Bytes that came from outside: arguments, paths, process names, remote output. They are data, not text, and
// not to be trusted with a terminal. [any], nothing fails except where it says so.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/result.hpp"

namespace grid {

// True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). JSON strings can hold exactly
// these.
[[nodiscard]] GRID_SDK bool is_utf8(std::string_view bytes) noexcept;

// For a terminal or a log: C0, DEL and C1 controls, bidirectional and zero-width characters and broken UTF-8
// come out in a visible form (\n, \t, \x1b, \u202e). With `keep_lines`, newline and tab pass.
[[nodiscard]] GRID_SDK std::string visible(std::string_view bytes, bool keep_lines = false);

// RFC 4648, with padding. Decoding is strict: error usage.
[[nodiscard]] GRID_SDK std::string encode_base64(std::string_view bytes);
[[nodiscard]] GRID_SDK Result<std::string> decode_base64(std::string_view text);

// The name in `names` nearest to `word` by edit distance (insert, delete, change, swap), if near enough to be
// a slip: at most 2 and less than half of its length. Empty when none is.
[[nodiscard]] GRID_SDK std::string_view nearest(std::string_view word,
                                                const std::vector<std::string>& names) noexcept;

}  // namespace grid
