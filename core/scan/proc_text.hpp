// Parsers of the files a process has in /proc, apart from `stat`. Pure; any bytes are answered; what is not
// understood is absent. [any]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grid {

// `cmdline` and `environ`: strings, each ended by NUL (the last one may lack it).
[[nodiscard]] std::vector<std::string> split_at_nul(std::string_view bytes);
// True when a program wrote a title over its arguments: one string with blanks, then nothing but padding. It
// can't be split into arguments again.
[[nodiscard]] bool is_title(std::string_view cmdline);
// The value of `name` in the bytes of `environ`.
[[nodiscard]] std::optional<std::string> find_variable(std::string_view environ, std::string_view name);
// For people: arguments joined by blanks, at most `max_bytes`; "[comm]" without any.
[[nodiscard]] std::string join_command(const std::vector<std::string>& argv, std::string_view comm,
                                       std::size_t max_bytes = 4096);

struct StatusFile {
  struct Ids {
    std::uint32_t real = 0, effective = 0, saved = 0;
    friend bool operator==(const Ids&, const Ids&) = default;
  };
  std::optional<Ids> uids;
  std::optional<Ids> gids;
  std::optional<std::int32_t> tracer;  // 0: none
  std::optional<std::uint64_t> effective_capabilities;
  std::optional<std::uint32_t> umask;
};
[[nodiscard]] StatusFile parse_status(std::string_view text);

// The path of the group that says most: of the unified tree, or of systemd's own, or the longest.
[[nodiscard]] std::string parse_cgroup(std::string_view text);

struct FdInfo {
  bool readable = false;
  bool writable = false;
  bool locked = false;
};
[[nodiscard]] std::optional<FdInfo> parse_fdinfo(std::string_view text);

// Regular files that are mapped shared and writable, once each. Anonymous memory, memfds, devices and
// /dev/shm are none.
[[nodiscard]] std::vector<std::string> parse_written_maps(std::string_view text);

}  // namespace grid
