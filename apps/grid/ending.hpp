// How an execution ended, as exit code and words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/text.hpp"

namespace grid::cli {

struct ExitStory {
  int code = 0;
  std::string line;  // for stderr; empty: the code says it all
};

[[nodiscard]] bool is_terminal_state(const Json& execution);
// Of an EXECUTION in a terminal state: its own code; 128+N by signal; 127 or 126 where its program could not
// be started; 125 where it has none.
[[nodiscard]] ExitStory exit_story(const Json& execution);
// A member that may be absent or null.
[[nodiscard]] std::string text_of(const Json& object, std::string_view name);
[[nodiscard]] std::optional<int> number_of(const Json& object, std::string_view name);

}  // namespace grid::cli
