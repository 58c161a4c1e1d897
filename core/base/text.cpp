#include "core/base/text.hpp"

#include <sys/random.h>
#include <time.h>

#include <array>
#include <ctime>

#include <fmt/format.h>

#include "grid/sdk/bytes.hpp"

namespace grid {

std::string rfc3339_ms(std::int64_t unix_ms) {
  std::int64_t seconds = unix_ms / 1000;
  std::int64_t millis = unix_ms % 1000;
  if (millis < 0) {
    millis += 1000;
    --seconds;
  }
  const std::time_t clock = seconds;
  std::tm parts{};
  ::gmtime_r(&clock, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, millis);
}

std::string rfc3339(WallTime time) { return rfc3339_ms(time.time_since_epoch().count()); }

Time system_now() {
  timespec boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  const std::chrono::nanoseconds since_boot =
      std::chrono::seconds(boot.tv_sec) + std::chrono::nanoseconds(boot.tv_nsec);
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since_boot),
          std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

std::string random_hex(std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i) {
    unsigned char byte = 0;
    while (::getrandom(&byte, 1, 0) != 1) {
    }
    out += fmt::format("{:02x}", byte);
  }
  return out;
}

Json bytes_to_json(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  return Json{{"b64", encode_base64(bytes)}};
}

Result<std::string> bytes_from_json(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_object() && json.size() == 1 && json.contains("b64") && json["b64"].is_string())
    return decode_base64(json["b64"].get_ref<const std::string&>());
  return fail(Code::usage, R"(expected a string or {"b64": "…"})");
}

Json bytes_list_to_json(const std::vector<std::string>& list) {
  Json out = Json::array();
  for (const std::string& item : list) out.push_back(bytes_to_json(item));
  return out;
}

Result<std::vector<std::string>> bytes_list_from_json(const Json& json) {
  if (!json.is_array()) return fail(Code::usage, "expected a list");
  std::vector<std::string> out;
  out.reserve(json.size());
  for (const Json& item : json) {
    auto bytes = bytes_from_json(item);
    if (!bytes) return fail(bytes.error());
    out.push_back(std::move(*bytes));
  }
  return out;
}

Result<Json> parse_json(std::string_view text) {
  constexpr int max_depth = 64;
  bool too_deep = false;
  const auto guard = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > max_depth;
    return !too_deep;
  };
  // The callback cannot stop the parser early, but it keeps what it drops out of memory; input sizes are
  // bounded by callers.
  Json json = Json::parse(text, guard, false);
  if (too_deep) return fail(Code::usage, "JSON nested deeper than " + std::to_string(max_depth));
  if (json.is_discarded()) return fail(Code::usage, "not JSON");
  return json;
}

std::string dump_json(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json error_to_json(const Error& error) {
  Json body{{"code", std::string(to_string(error.code))},
            {"message", error.message},
            {"hint", error.hint},
            {"details", Json::object()}};
  if (!error.origin.empty()) body["details"]["origin"] = error.origin;
  if (error.retryable) body["details"]["retryable"] = true;
  return Json{{"error", std::move(body)}};
}

Error error_from_json(const Json& json) {
  Error error{Code::internal, "the daemon answered with something that is no error object", {}, {}, false};
  if (!json.is_object() || !json.contains("error") || !json["error"].is_object()) return error;
  const Json& body = json["error"];
  error.code = code_from_string(body.value("code", std::string()));
  error.message = body.value("message", std::string());
  error.hint = body.value("hint", std::string());
  if (body.contains("details") && body["details"].is_object()) {
    error.origin = body["details"].value("origin", std::string());
    error.retryable = body["details"].value("retryable", false);
  }
  return error;
}

}  // namespace grid
