// What the link's parts ask of a node: requests to a small server in POSIX shell (serve.sh) that runs at the
// far end of each channel and answers any number of them, one round trip each.
//
// A request names a verb, which is a shell function `do_VERB` of the scripts in scripts/, with arguments that
// arrive as "$1" "$2" …, exactly as bytes (no NUL). No argument is ever part of a script. A body follows the
// arguments; the verb reads it, all of it, from its standard input. What the verb prints is the answer's
// output, any bytes; its exit status is the answer's status; what it writes to standard error is `complaint`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/host.hpp"
#include "grid/sdk/transport.hpp"

namespace grid::ssh {

struct Answer {
  int status = 0;
  std::string output;
  std::string complaint;
};

struct Request {
  std::string verb;
  std::vector<std::string> arguments;
  std::string body;
  // Instead of `body`, for what is large: `body_bytes` in all, in pieces. Called on the node's thread, may
  // read a file; an empty piece before the end is an error, as is an Error: the request fails with it.
  std::uint64_t body_bytes = 0;
  std::function<Result<std::string>(std::size_t most)> next_piece;
  // Takes the output as it comes, on the node's thread; else it is collected. An Error fails the request.
  std::function<Result<>(std::string_view bytes)> output;
  // From the sending on. With `stall` it starts anew with each byte that moves.
  std::chrono::milliseconds deadline{30'000};
  bool stall = false;
};

// [loop] A node's shell. Requests are answered in any order, each exactly once, on the loop, unless the shell
// is destroyed before. Errors: node_unreachable and timed_out (both retryable: the request may have been
// carried out or not), host_key_mismatch, or what `next_piece` or `output` failed with.
class Shell {
 public:
  virtual ~Shell() = default;
  virtual void ask(Request request, Done<Answer> done) = 0;
};

}  // namespace grid::ssh
