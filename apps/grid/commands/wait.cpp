// grid wait
#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "apps/grid/ask.hpp"
#include "apps/grid/commands/commands.hpp"
#include "apps/grid/ending.hpp"

namespace grid::cli {

Result<int> wait(Context& context) {
  using Clock = std::chrono::steady_clock;
  auto id = execution_argument(context, true);
  if (!id) return fail(id.error());
  const auto timeout = context.arguments.number("timeout");
  const auto begun = Clock::now();
  while (true) {
    double left = 10;  // at the daemon at a time: far below the client's own deadline
    if (timeout)
      left = std::min(left, *timeout - std::chrono::duration<double>(Clock::now() - begun).count());
    const long wait_ms = std::max(0L, static_cast<long>(left * 1000));
    auto ended = context.get_patiently(fmt::format("/v1/executions/{}?wait_ms={}", url_part(*id), wait_ms));
    if (ended && is_terminal_state(*ended)) {
      if (context.json()) {
        if (auto shown = context.show(*ended); !shown) return fail(shown.error());
      }
      const ExitStory story = exit_story(*ended);
      if (!story.line.empty()) context.say(story.line);
      return story.code;
    }
    if (!ended && ended.error().code != Code::timed_out) return fail(ended.error());
    if (wait_ms == 0)
      return fail(Code::timed_out, fmt::format("{} has not ended after {} s", *id, *timeout),
                  fmt::format("see: grid why {}", *id));
  }
}

}  // namespace grid::cli
