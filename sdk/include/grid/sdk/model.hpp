// The values a snapshot is made of. Everything that may be unknown is optional: missing is not zero.
// Units are in the names; fractions are 0…1 of the whole unless a comment says "in CPUs".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "grid/sdk/host.hpp"
#include "grid/sdk/value.hpp"

namespace grid {

// A process on one machine. A bare pid names nobody: numbers are used again.
struct ProcessId {
  std::int32_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat, clock ticks since boot
  friend auto operator<=>(const ProcessId&, const ProcessId&) = default;
};

// Pressure stall information, the share of the last 10 s in which some (or all) tasks waited
// (/proc/pressure).
struct Pressure {
  std::optional<double> cpu_some;
  std::optional<double> memory_some;
  std::optional<double> memory_full;
  std::optional<double> io_some;
  std::optional<double> io_full;
};

struct DiskRate {
  std::string name;
  std::optional<double> read_bytes_per_second;
  std::optional<double> write_bytes_per_second;
};

struct NetRate {
  std::string name;
  std::optional<double> receive_bytes_per_second;
  std::optional<double> transmit_bytes_per_second;
};

struct Gpu {
  std::string id;  // PCI address
  std::string name;
  std::optional<double> busy_fraction;
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::uint64_t> memory_used_bytes;
};

// What metrics sources know of one node at one time. Several sources fill one sample: a later one fills what
// is absent.
struct Sample {
  std::optional<std::uint32_t> cpus;
  std::optional<double> cpu_fraction;  // busy share of all CPUs since the sample before
  std::optional<double> load1;
  std::optional<std::uint32_t> runnable_threads;
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::uint64_t> memory_available_bytes;
  std::optional<std::uint64_t> swap_total_bytes;
  std::optional<std::uint64_t> swap_free_bytes;
  std::optional<double> uptime_seconds;
  Pressure pressure;
  std::vector<DiskRate> disks;
  std::vector<NetRate> nets;
  std::vector<Gpu> gpus;
};

enum class Role { head, worker };
enum class NodeState { unknown, alive, suspect, dead, draining };

// What a task asks for, or what is held back on a node.
struct Resources {
  double cpus = 0;
  std::uint64_t memory_bytes = 0;
  std::uint32_t gpus = 0;
  std::uint64_t gpu_memory_bytes = 0;
};

struct Node {
  std::string name;
  std::string machine_id;
  Role role = Role::worker;
  bool simulated = false;
  NodeState state = NodeState::unknown;
  bool accepts_work = true;  // false: the head with head.run: deny, or a drained node
  std::string transport;
  std::vector<std::string> labels;
  Sample sample;
  std::optional<double> sample_age_seconds;
  Resources reserved;         // held by running attempts of this grid
  std::uint32_t running = 0;  // attempts of this grid that run there
  std::optional<double>
      own_cpu_fraction;               // part of sample.cpu_fraction that is this grid's own work, where known
  std::optional<double> paused_cpus;  // CPUs that paused trees would use; they use none now
  bool only_named = false;  // takes work that names it, though not accepts_work: a command named it, no file
  std::string problem;      // what is wrong with it; empty: nothing that is known
};

enum class Restartable { yes, with_loss, no };

// Why, in a word that programs can test and a sentence that people can read. Shown as "code: text".
struct Reason {
  std::string code;
  std::string text;
  friend bool operator==(const Reason&, const Reason&) = default;
};

// A process tree on the head that could leave it.
struct Candidate {
  ProcessId root;
  std::vector<ProcessId> members;  // the root included
  std::string command;             // for people: arguments joined by blanks, [name] without any
  std::vector<std::string> argv;   // bytes
  std::string cwd;                 // bytes; empty: unknown
  std::optional<std::uint32_t> uid;
  std::string user;  // name, or the number as text; empty: unknown
  std::optional<double>
      cpu_fraction;  // of the tree over the scan's interval, in CPUs: 1.0 is one CPU kept busy
  std::optional<std::uint64_t> rss_bytes;  // of the tree
  std::optional<double> age_seconds;
  std::optional<double> cpu_seconds;  // CPU time used so far by the tree
  Restartable restartable = Restartable::no;
  std::vector<Reason> reasons;  // for the grade
  bool paused = false;          // stopped by this grid
  std::string execution;        // the execution that holds it; empty: none
  bool allowed = false;         // an allow rule of the configuration names it
  bool loss_allowed = false;    // … and that rule accepts with_loss
};

// An accepted execution that no node has taken yet.
struct Queued {
  std::string execution;
  Resources needs;
  std::vector<std::string> labels;
  std::uint32_t count = 1;  // elements of an array that wait
  double waiting_seconds = 0;
};

// All of the above at one instant. Immutable once published.
struct Snapshot {
  std::uint64_t version = 0;
  Time now;
  std::string head;                             // name of the head's node
  std::vector<Node> nodes;                      // the head first
  std::vector<Candidate> candidates;            // by CPU, highest first
  std::vector<Queued> queue;                    // oldest first
  std::optional<double> scan_interval_seconds;  // over which cpu_fraction of candidates was taken
  double free_loss_seconds = 10;                // offload.free_loss
};

struct Placement {
  std::string node;
  double score = 0;  // 0…1, higher is better
};

struct RefusedNode {
  std::string node;
  std::string reason;
};

// A policy's answer about one candidate.
struct CandidateDecision {
  ProcessId root;
  bool move = false;        // part of the move set: the smallest that brings the head below the low mark
  bool needs_stop = false;  // pausing would not free what presses: only `--original stop` helps
  std::vector<Reason> reasons;
  std::vector<Placement> placements;  // best first
};

// A policy's answer for one snapshot.
struct Decision {
  bool allowed = false;  // a trigger holds and something may move
  std::string policy;
  std::vector<Reason> reasons;             // never empty
  Values thresholds;                       // effective ones, and what was measured against them
  std::vector<RefusedNode> refused_nodes;  // each node that gets nothing, and why; the head always
  std::vector<CandidateDecision> candidates;
};

[[nodiscard]] GRID_SDK std::string_view to_string(Role role) noexcept;
[[nodiscard]] GRID_SDK std::string_view to_string(NodeState state) noexcept;
[[nodiscard]] GRID_SDK std::string_view to_string(Restartable grade) noexcept;

}  // namespace grid
