// How many cells a terminal gives to a text, and how to cut and wrap by them. UTF-8 in, UTF-8 out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace grid::text {

// Combining marks take 0 cells, East Asian wide characters and emoji 2, all else 1.
[[nodiscard]] std::size_t cells(std::string_view text) noexcept;
// At most `most` cells; what was cut is marked by `ellipsis` at the end, where it fits.
[[nodiscard]] std::string cut(std::string_view text, std::size_t most, std::string_view ellipsis);
// At blanks, into lines of at most `most` cells; a longer word is broken. `most` 0: no limit. At least one
// line.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t most);
// What is not ASCII as \u00e9 or \U0001f600.
[[nodiscard]] std::string to_ascii(std::string_view text);

}  // namespace grid::text
