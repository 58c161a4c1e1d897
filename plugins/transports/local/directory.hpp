// What is done to run directories on this machine. Everything here blocks: jobs only. [any]
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "calls.hpp"
#include "grid/sdk/run_directory.hpp"

namespace grid::local {

struct Claimed {
  std::string cookie;
  RunState state = RunState::never_started;  // running: the gate had been passed before
};
// Makes the run directory of `spec`, or completes the one that the same nonce made. resource_conflict:
// another nonce's.
[[nodiscard]] Result<Claimed> claim(const std::filesystem::path& root, const std::filesystem::path& folder,
                                    const RunSpec& spec);

// Starts the shim on it; -> its pid, a child of this process.
[[nodiscard]] Result<pid_t> spawn_shim(const std::filesystem::path& shim,
                                       const std::filesystem::path& folder);

struct Found {
  RunState state = RunState::absent;
  std::string cookie;  // of running and finished ones
};
// What is there. A gate that nobody passed is shut, so that `never_started` stays true.
[[nodiscard]] Result<Found> look(const std::filesystem::path& folder, const Stopping& stopping);

// All records written so far; a torn last line is left out.
[[nodiscard]] Result<std::vector<run_directory::Record>> read_journal(const std::filesystem::path& folder);
// The process that wrote `records`, if it still runs.
[[nodiscard]] std::optional<ProcessId> live_shim(const std::vector<run_directory::Record>& records);

// Leaves the cancel markers on the disk and wakes the shim.
[[nodiscard]] Result<> request_cancel(const std::filesystem::path& folder,
                                      const std::vector<std::uint32_t>& elements);
[[nodiscard]] Result<LogChunk> read_log(const std::filesystem::path& folder, std::uint32_t element,
                                        Stream stream, std::uint64_t offset, std::uint64_t max_bytes);
// resource_conflict: it has not finished.
[[nodiscard]] Result<> remove_run(const std::filesystem::path& folder, const Stopping& stopping);

// Ends everything that carries the run's cookie, and the groups and sessions led by `leaders`. True when
// nothing is left.
[[nodiscard]] bool end_marked(const std::string& cookie, const std::vector<ProcessId>& leaders,
                              const Stopping& stopping);

// The text of a whole small file.
[[nodiscard]] Result<std::string> read_text(const std::filesystem::path& file, std::size_t max_bytes);
[[nodiscard]] tl::unexpected<Error> fail_errno(const std::string& what, int error);

}  // namespace grid::local
