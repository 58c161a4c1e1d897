// The run directory: where whoever starts a task and whoever watches it meet. This is its format, shared by
// the shim, the transports and every later shim; plain lines, so that a POSIX shell can write and read it
// too.
//
//   <run root>/<head id>/<machine id>/<run name>/
//     spec      what to run; written beside and renamed into place, never changed after
//     journal   append-only, one record per line; its writer holds flock(LOCK_EX) on it for as long as it
//     lives go        a folder: the one start gate. Whoever makes it may start the tasks, or has shut the
//     gate for good cancel/   empty files: `all`, or the number of an element; looked at by the shim when it
//     gets SIGTERM <element>.out, <element>.err    what an ended element wrote; absent when that is nothing
//     slot<k>.out, slot<k>.err        of the element that runs in slot k
//     work/     the work folder
//     lease     one decimal number: milliseconds of the node's own CLOCK_BOOTTIME at which everything of the
//               run must be gone; replaced by renaming. The shim begins early enough with TERM, and looks at
//               it before anything else after it was stopped. No file: no fence
//     shim.log  complaints of the shim itself
//
// Every line is `key value…`, values separated by one blank; bytes outside [!-~] and '\' are written as
// \0ooo, three octal digits: what printf's %b decodes. [any] No state. Nothing here needs more than libc, so
// that a static program can compile it in.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "grid/sdk/result.hpp"
#include "grid/sdk/task.hpp"
#include "grid/sdk/transport.hpp"

namespace grid::run_directory {

inline constexpr std::string_view spec_file = "spec";
inline constexpr std::string_view journal_file = "journal";
inline constexpr std::string_view gate = "go";
inline constexpr std::string_view cancel_folder = "cancel";
inline constexpr std::string_view cancel_all = "all";
inline constexpr std::string_view work_folder = "work";
inline constexpr std::string_view shim_log = "shim.log";
inline constexpr std::string_view lease_file = "lease";

// "7.out"
[[nodiscard]] GRID_SDK std::string log_name(std::uint32_t element, Stream stream);
// "slot1.err"
[[nodiscard]] GRID_SDK std::string slot_log_name(std::uint32_t slot, Stream stream);

// One part of the path: letters, digits, '.', '_', '-', at most 128, not starting with '.'.
[[nodiscard]] GRID_SDK bool is_name(std::string_view name) noexcept;
// Error usage when head id, machine id or run name is not a name.
[[nodiscard]] GRID_SDK Result<std::filesystem::path> path_of(const std::filesystem::path& root,
                                                             const Run& run, std::string_view machine_id);
// /var/tmp/grid-<uid>
[[nodiscard]] GRID_SDK std::filesystem::path default_root();
// Makes the run root (its parents must exist) or checks the one that is there. policy_denied, naming the fix:
// a symbolic link, somebody else's, or not 0700. storage_failed: it cannot be made.
[[nodiscard]] GRID_SDK Result<> claim_root(const std::filesystem::path& root);

// ---- spec

struct Spec {
  std::string nonce;   // who may complete a directory without a gate
  std::string cookie;  // in the environment of everything that this run starts; unguessable
  std::string execution;
  bool array = false;
  std::vector<RunElement> elements;  // at least one, each number once
  std::uint32_t slots = 1;           // at least 1
  std::vector<std::string> argv;     // at least one
  std::string cwd;                   // absolute; empty: the work folder
  std::vector<std::string> environment;
  std::vector<std::string> inherit;  // see Task
  std::string stdin_path;            // relative: to the run directory; empty: /dev/null
  std::optional<std::uint32_t> umask;
  double grace_seconds = 10;  // kept in milliseconds
};

[[nodiscard]] GRID_SDK Spec make_spec(const RunSpec& run, std::string cookie);
[[nodiscard]] GRID_SDK std::string encode(const Spec& spec);
// Strict: each line known, each value well-formed, nothing missing. Error: usage, with the line's number.
[[nodiscard]] GRID_SDK Result<Spec> decode_spec(std::string_view text);

// ---- journal

struct ShimRecord {  // the first one: the gate is passed, and by whom
  ProcessId process;
  std::string boot_id;
};
struct StartedRecord {
  std::uint32_t element = 0;
  std::uint32_t attempt = 1;
  ProcessId process;                  // also the id of its process group
  std::optional<std::uint32_t> slot;  // absent: it writes into its final logs from the start
};
struct ExitedRecord {
  std::uint32_t element = 0;
  std::uint32_t attempt = 1;
  Ending ending;
};
struct FinishedRecord {};  // the last one: every element has an ExitedRecord
struct ShutRecord {};      // the only one: the gate was shut before any shim passed it
using Record = std::variant<ShimRecord, StartedRecord, ExitedRecord, FinishedRecord, ShutRecord>;

// One line, with its newline.
[[nodiscard]] GRID_SDK std::string encode(const Record& record);
// One line without its newline. Error: usage.
[[nodiscard]] GRID_SDK Result<Record> decode_record(std::string_view line);
// Appends the records of all whole lines at the front of `text` and returns how many bytes they take; a line
// still being written (or torn by a crash) stays for later. Error: usage, at the first line that is no
// record.
[[nodiscard]] GRID_SDK Result<std::size_t> decode_journal(std::string_view text,
                                                          std::vector<Record>& records);

// ---- what a task's program is

// `environment` ("NAME=value") and behind it each of `inherit` that it does not state and this process has.
[[nodiscard]] GRID_SDK std::vector<std::string> with_inherited(std::vector<std::string> environment,
                                                               const std::vector<std::string>& inherit);
// PATH of `environment` ("NAME=value"), or the system's usual one.
[[nodiscard]] GRID_SDK std::string_view search_path(const std::vector<std::string>& environment) noexcept;
// As execvp looks for `name`, but with the PATH of `environment` and seen from `folder`. Returns 0 and the
// file in `program` (a name with a slash as it is, unchecked), or ENOENT or EACCES.
[[nodiscard]] GRID_SDK int find_program(const std::string& name, const std::vector<std::string>& environment,
                                        const std::string& folder, std::string& program);

// ---- who is who (Linux, /proc)

// Of the running kernel; empty when /proc cannot be read.
[[nodiscard]] GRID_SDK std::string boot_id();

struct ProcessFacts {
  ProcessId id;
  std::int32_t parent = 0;
  std::int32_t group = 0;
  std::int32_t session = 0;
  char state = '?';  // Z: ended, not yet waited for
};
// Absent: no such process.
[[nodiscard]] GRID_SDK std::optional<ProcessFacts> process_facts(pid_t pid);
// The environment a process was started with, "NAME=value" each ended by NUL; empty when unreadable or gone.
[[nodiscard]] GRID_SDK std::string process_environment(pid_t pid);
// True when `environment` (as above) holds exactly `entry`, "NAME=value".
[[nodiscard]] GRID_SDK bool environment_holds(std::string_view environment, std::string_view entry) noexcept;
// To this very process, by pidfd; false when it is gone or may not be signalled (errno says which).
GRID_SDK bool send_signal(const ProcessId& process, int signal) noexcept;

}  // namespace grid::run_directory
