// Times, ids and bytes as text. [any]
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "grid/sdk/host.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

using Json = nlohmann::json;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

// RFC 3339 in UTC with milliseconds: 2026-01-31T12:00:00.000Z
[[nodiscard]] std::string rfc3339(WallTime time);
[[nodiscard]] std::string rfc3339_ms(std::int64_t unix_ms);

// The clocks of this machine: CLOCK_BOOTTIME and the wall.
[[nodiscard]] Time system_now();

// `bytes` random bytes from the kernel, in hex.
[[nodiscard]] std::string random_hex(std::size_t bytes);

// The one rule for bytes in JSON: a string where they are UTF-8, else {"b64": "…"}.
[[nodiscard]] Json bytes_to_json(std::string_view bytes);
[[nodiscard]] Result<std::string> bytes_from_json(const Json& json);
[[nodiscard]] Json bytes_list_to_json(const std::vector<std::string>& list);
[[nodiscard]] Result<std::vector<std::string>> bytes_list_from_json(const Json& json);

// Parses JSON from outside: depth at most 64, errors as usage with the byte offset. Nothing throws.
[[nodiscard]] Result<Json> parse_json(std::string_view text);
// Compact; bytes that are no UTF-8 (a defect by then) are replaced rather than thrown about.
[[nodiscard]] std::string dump_json(const Json& json, int indent = -1);

// {"error": {"code", "message", "hint", "details"}} and back.
[[nodiscard]] Json error_to_json(const Error& error);
[[nodiscard]] Error error_from_json(const Json& json);

}  // namespace grid
