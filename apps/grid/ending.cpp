#include "apps/grid/ending.hpp"

#include <cerrno>

#include <fmt/format.h>

#include "apps/grid/signals.hpp"
#include "core/base/files.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::cli {

std::string text_of(const Json& object, std::string_view name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<int> number_of(const Json& object, std::string_view name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_number_integer() ? std::optional(found->get<int>())
                                                             : std::nullopt;
}

bool is_terminal_state(const Json& execution) {
  const std::string state = text_of(execution, "state");
  return state == "completed" || state == "failed" || state == "cancelled" || state == "aborted";
}

ExitStory exit_story(const Json& execution) {
  const std::string state = text_of(execution, "state");
  const std::string id = text_of(execution, "id");
  const std::string reason = text_of(execution, "reason");
  const std::string because = reason.empty() ? "" : ": " + reason;
  const std::string fix = visible(text_of(execution, "hint"));
  const std::string hint = fix.empty() ? "" : "\nhint: " + fix;
  if (const std::string error = text_of(execution, "error"); !error.empty()) {
    const bool absent = error == errno_text(ENOENT);
    // A reason of its own says what was looked for, and where.
    const bool told = !reason.empty() && !reason.starts_with("cannot be started");
    return {absent ? 127 : 126,
            fmt::format("cannot start {}: {}", text_of(execution, "command"), told ? reason : error) + hint};
  }
  if (state == "cancelled" || state == "aborted") {
    const auto signal = number_of(execution, "signal");
    return {signal ? 128 + *signal : 125, fmt::format("{} was {}{}{}", id, state, because, hint)};
  }
  if (const auto signal = number_of(execution, "signal"))
    return {128 + *signal, fmt::format("ended by signal {} ({})", *signal, signal_name(*signal))};
  if (const auto code = number_of(execution, "exit_code")) return {*code, ""};
  if (state == "completed") return {0, ""};
  return {125, fmt::format("{} {}{}", id, state, because)};
}

}  // namespace grid::cli
