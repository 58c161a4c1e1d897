// What is sent to the far end of a channel: the constant command that starts it, the script that it runs, and
// requests. Pure. [any]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace grid::ssh {

// The command of each channel. Any login shell passes it on as it is: it holds no quote but the outer two, no
// backslash, no '!' and no newline. It skips what a profile may have left to read, takes the script by its
// length, and becomes it.
inline constexpr std::string_view start_command =
    "exec /bin/sh -c 'while read -r g a b exp n; do if [ \"$g\" = grid1 ]; then "
    "s=$(dd bs=$n count=1 iflag=fullblock 2>/dev/null || dd bs=1 count=$n 2>/dev/null); "
    "eval \"$s\"; exit 1; fi; done'";

// The server with all its verbs.
[[nodiscard]] const std::string& server_script();
// The shim, in one text.
[[nodiscard]] const std::string& shim_text();
// The server with more verbs, for tests.
[[nodiscard]] std::string server_script_with(std::string_view verbs);

// 32 random letters, from the kernel.
[[nodiscard]] std::string random_token();

// What the far end reads first; it will mark its streams with `mark`, which is never sent in one piece, so
// that no echo can be one.
struct Opening {
  std::string bytes;
  std::string mark;
};
// `machine`: "any", the machine id that must be there, or "is=" and a made-up one.
[[nodiscard]] Opening make_opening(std::string_view machine, std::string_view script);

// As printf's %b reads it.
[[nodiscard]] std::string escaped(std::string_view bytes);
// The line in front of a body.
[[nodiscard]] std::string request_line(std::string_view verb, const std::vector<std::string>& arguments,
                                       std::uint64_t body_bytes);

}  // namespace grid::ssh
