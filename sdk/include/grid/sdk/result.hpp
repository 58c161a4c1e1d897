// The one way in which anything in grid fails: Result<T> holds a value or an Error.
// Threads: plain values. Nothing here throws, except bad_alloc.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

#include "grid/sdk/abi.hpp"

namespace grid {

// Part of the API: the names below appear in JSON as `error.code`, and decide the exit code of the command
// line.
enum class Code {
  usage,                // a wrong argument
  config_invalid,       // the configuration does not hold
  not_found,            // no such execution, node, file
  process_not_found,    // no such process, or it ended
  policy_denied,        // a policy or an allow rule says no
  no_eligible_target,   // no worker can take it
  not_restartable,      // the process must not be started again elsewhere
  resource_conflict,    // somebody else holds it (lock, directory, id)
  preflight_failed,     // the target lacks what the task needs
  node_unreachable,     // no link to the node
  host_key_mismatch,    // the node is not who it was
  daemon_unavailable,   // no daemon answers
  plugin_incompatible,  // a plugin that this host cannot load
  plugin_fault,         // a plugin that threw, hung or crashed
  ray_unavailable,      // Ray does not answer
  storage_failed,       // disk full, read-only, damaged store
  timed_out,            // a deadline passed
  cannot_run,           // the program exists and cannot be executed
  program_not_found,    // no such program
  cancelled,            // given up on request
  internal,             // a defect in grid itself
};

// "NoEligibleTarget" and so on: the name used in JSON.
[[nodiscard]] GRID_SDK std::string_view to_string(Code code) noexcept;
// The inverse; `internal` for an unknown name.
[[nodiscard]] GRID_SDK Code code_from_string(std::string_view name) noexcept;
// The exit code of the command line for an error: 1, 2, 3, 4, 5, 6, 124, 125, 126 or 127 (`grid help
// exit-codes`).
[[nodiscard]] GRID_SDK int exit_code(Code code) noexcept;

struct Error {
  Code code = Code::internal;
  std::string message;     // what and where, one sentence, without a full stop
  std::string hint;        // what to do next; may be empty
  std::string origin;      // plugin or part that reports it; may be empty
  bool retryable = false;  // the same call may go through later; the host decides whether to try
};

// tl::expected with [[nodiscard]], which an alias template cannot carry.
template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result() = default;
};

// `return fail(Code::not_found, "no node 'x'", "see: grid node list");`
[[nodiscard]] inline tl::unexpected<Error> fail(Code code, std::string message, std::string hint = {},
                                                bool retryable = false) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint), {}, retryable});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace grid
