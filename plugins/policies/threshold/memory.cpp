#include "memory.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace grid::threshold {
namespace {

using Json = nlohmann::json;
constexpr int format = 1;
constexpr std::size_t longest_text = 256 * 1024;

template <class T>
T number(const Json& object, const char* name) {
  const Json& value = object.at(name);
  if (!value.is_number()) throw std::invalid_argument(name);
  if constexpr (std::is_floating_point_v<T>) {
    return value.get<T>();
  } else {
    if (!value.is_number_integer()) throw std::invalid_argument(name);
    return value.get<T>();
  }
}

// A time in the future is another boot's.
std::int64_t past(const Json& object, const char* name, std::int64_t now_ms) {
  const auto time = number<std::int64_t>(object, name);
  if (time < 0 || time > now_ms) throw std::out_of_range(name);
  return time;
}

Json print(const ProcessId& id) { return {{"pid", id.pid}, {"start_ticks", id.start_ticks}}; }

ProcessId parse_id(const Json& json) {
  return {number<std::int32_t>(json, "pid"), number<std::uint64_t>(json, "start_ticks")};
}

Memory parse(const Json& json, std::int64_t now_ms) {
  if (number<int>(json, "format") != format) throw std::invalid_argument("format");
  Memory memory;
  memory.at_ms = past(json, "at_ms", now_ms);
  for (const auto& [name, latch] : json.at("triggers").items())
    memory.triggers[name] = {past(latch, "since_ms", now_ms), latch.at("latched").get<bool>()};
  for (const Json& held : json.at("last_held"))
    memory.last_held[parse_id(held)] = past(held, "at_ms", now_ms);
  for (const auto& [name, entry] : json.at("freeing").items()) {
    Freeing freeing{past(entry, "at_ms", now_ms), number<double>(entry, "used"),
                    number<double>(entry, "frees"), parse_id(entry.at("chosen"))};
    if (!std::isfinite(freeing.used) || !std::isfinite(freeing.frees)) throw std::out_of_range("freeing");
    memory.freeing[name] = freeing;
  }
  return memory;
}

}  // namespace

std::optional<Memory> parse_memory(std::string_view text, std::int64_t now_ms) {
  if (text.empty() || text.size() > longest_text) return std::nullopt;
  try {
    return parse(Json::parse(text), now_ms);
  } catch (const std::exception&) {  // garbled memory is no memory
    return std::nullopt;
  }
}

std::string print_memory(const Memory& memory) {
  Json triggers = Json::object();
  for (const auto& [name, latch] : memory.triggers)
    triggers[name] = {{"since_ms", latch.since_ms}, {"latched", latch.latched}};
  Json held = Json::array();
  for (const auto& [id, at_ms] : memory.last_held) {
    held.push_back(print(id));
    held.back()["at_ms"] = at_ms;
  }
  Json freeing = Json::object();
  for (const auto& [name, entry] : memory.freeing)
    freeing[name] = {{"at_ms", entry.at_ms},
                     {"used", entry.used},
                     {"frees", entry.frees},
                     {"chosen", print(entry.chosen)}};
  return Json{{"format", format},
              {"at_ms", memory.at_ms},
              {"triggers", std::move(triggers)},
              {"last_held", std::move(held)},
              {"freeing", std::move(freeing)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace grid::threshold
