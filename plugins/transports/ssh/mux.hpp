// A client of OpenSSH's connection sharing (its PROTOCOL.mux, version 4): asks a running master for a session
// and hands it the three streams. The `ssh -S` program does the same; by ourselves there is no process per
// channel, and it is certain why a session could not be had or how it ended.
#pragma once

#include <string>
#include <string_view>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/result.hpp"
#include "wire.hpp"

namespace grid::ssh {

struct MuxSession {
  Fd control;  // stays open as long as the session; closing it ends the session
  std::string unread;
};

// Whether a master listens at `path`.
bool mux_listening(const std::string& path);

// Blocks. `streams` are the far ends, still owned by the caller. The error's message is bare: the caller
// knows the host. Errors: resource_conflict (the host allows no more), node_unreachable, timed_out,
// cancelled.
Result<MuxSession> mux_open(const std::string& path, std::string_view command, const int (&streams)[3],
                            Clock::time_point deadline, const Stopping& stopping);

// Takes what the master says meanwhile. True when the session is over: `control` has closed.
bool mux_over(MuxSession& session);

}  // namespace grid::ssh
