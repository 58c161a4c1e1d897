// "did you mean …?": the likeliest of several names for a mistyped one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace grid {

// [any] The name with the least edit distance, if that is small for its length (one in three); else empty.
[[nodiscard]] std::string_view nearest(std::string_view name, std::span<const std::string_view> names);

// [any] "; did you mean 'x'?", or "".
[[nodiscard]] std::string did_you_mean(std::string_view name, std::span<const std::string_view> names);

}  // namespace grid
