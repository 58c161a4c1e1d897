// The process scan of the head: which process trees use it, and which of them could be started again
// elsewhere.
//
// Stage 1 reads `stat` of every process (process_table.hpp), candidates.hpp finds the trees that matter,
// stage 2 reads descriptors, sockets and the rest of those few (facts.hpp), and grade.hpp judges. What cannot
// be read is absent: one bad process never ends a scan. Everything here blocks on /proc for some
// milliseconds, so a daemon calls it off its loop.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grid/sdk/model.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

struct ScanOptions {
  std::filesystem::path file_root;  // in front of /proc: empty, or a folder of fixtures under test
  double interval_seconds = 1.0;    // scan_once: between its two passes
  double cpu_floor = 0.05;          // CPUs; a tree below both floors is no candidate
  std::uint64_t rss_floor_bytes = 512ULL << 20U;
  double free_loss_seconds = 10;    // offload.free_loss: CPU time that may be lost without asking
  std::size_t max_candidates = 50;  // of the highest CPU; only these reach stage 2
  double facts_age_seconds = 60;    // HeadScanner: facts of a known tree are read again after that
  pid_t self = 0;                   // never a candidate, nor are its ancestors; 0: the calling process
};

struct HeadScan {
  std::optional<double> interval_seconds;  // between the two passes compared; absent after a single pass
  std::uint32_t processes = 0;             // seen in the last pass
  std::uint32_t unreadable = 0;  // listed but without a usable `stat` (not counting ones that just ended)
  std::optional<double> cpu_fraction;  // of all processes together, in CPUs
  std::uint64_t rss_bytes = 0;         // of all processes; shared pages count once per process
  std::vector<Candidate> candidates;   // by CPU, highest first
};

// Two passes `interval_seconds` apart; sleeps in between. Error: not_found without a /proc.
[[nodiscard]] Result<HeadScan> scan_once(const ScanOptions& options);

// One process with its whole tree, idle or not, with CPU over `interval_seconds` (0: a single pass, CPU
// absent). Looks harder than a scan: descriptors shared with any process of the machine are found. Error:
// process_not_found.
[[nodiscard]] Result<Candidate> examine(pid_t pid, const ScanOptions& options);

// What it takes to start a process again. Environment and arguments are those at its exec, and hold secrets.
struct Launch {
  ProcessId process;
  std::vector<std::string> argv;         // bytes; never empty
  std::string exe;                       // bytes; the program as the kernel knows it
  std::string cwd;                       // bytes
  std::string stdin_path;                // bytes; the regular file it reads from; empty: none
  std::vector<std::string> environment;  // "NAME=value"
  std::optional<std::uint32_t> umask;
};
// Error: process_not_found; not_restartable for one without arguments, or with arguments or environment that
// may not be read or are beyond 4 MiB.
[[nodiscard]] Result<Launch> read_launch(pid_t pid, const ScanOptions& options);

// The same scan, kept alive between turns: `stat` descriptors stay open, facts of known trees are remembered.
// One thread at a time. It keeps one descriptor per process up to the limit (see raise_descriptor_limit), and
// reads the rest anew.
class HeadScanner {
 public:
  explicit HeadScanner(ScanOptions options);
  ~HeadScanner();
  HeadScanner(HeadScanner&&) noexcept;
  HeadScanner& operator=(HeadScanner&&) noexcept;
  // One pass. CPU is measured against the turn before; the first turn knows none. Error: not_found without a
  // /proc.
  [[nodiscard]] Result<HeadScan> turn();

 private:
  friend Result<HeadScan> scan_once(const ScanOptions& options);
  struct State;
  std::unique_ptr<State> state_;
};

// Raises the soft limit of open descriptors to the hard one and returns it. Children inherit the limit:
// whoever starts programs puts the returned `before` back in them.
struct DescriptorLimit {
  std::uint64_t before = 0;
  std::uint64_t now = 0;
};
DescriptorLimit raise_descriptor_limit() noexcept;

}  // namespace grid
