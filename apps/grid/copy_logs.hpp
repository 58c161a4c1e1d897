// What an execution writes → our stdout and stderr, byte by byte; on a terminal without its control
// characters. A daemon that leaves meanwhile is started again, and copying goes on where it was.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "apps/grid/context.hpp"
#include "apps/grid/signals.hpp"

namespace grid::cli {

struct LogsWanted {
  std::string id;
  bool out = true;
  bool err = true;
  bool follow = false;  // until the execution has ended
};

// `on_signal` is asked for each signal while it copies, null: signals do as they always do; `on_quiet` is
// called once, when nothing has come for a second. Answers false where on_signal did. Errors: the daemon's;
// an empty message when the reader of our output has left.
Result<bool> copy_logs(Context& context, const LogsWanted& wanted, const Signals* signals,
                       const std::function<bool(int)>& on_signal = {},
                       const std::function<void()>& on_quiet = {});

}  // namespace grid::cli
