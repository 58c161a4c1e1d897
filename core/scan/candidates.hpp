// Which process trees use this machine. Pure on the rows of one pass; linear in them. [any]
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/scan/process_row.hpp"

namespace grid {

struct Tree {
  std::size_t root = 0;                // indices into the rows
  std::vector<std::size_t> members;    // the root first, then parents before children; zombies left out
  std::optional<double> cpu_fraction;  // of all members, in CPUs
  std::uint64_t rss_bytes = 0;
  double cpu_seconds = 0;  // used so far, with that of children that ended
};

struct CandidateRules {
  double cpu_floor = 0.05;
  std::uint64_t rss_floor_bytes = 512ULL << 20U;
  std::size_t max_candidates = 50;
  std::int32_t self = 0;  // it, its ancestors, pid 1 and kernel threads are never candidates
};

// Does `child`, a fork of `parent`, still run its parent's program? Asked only of busy rows that never
// executed one.
using SameProgram = std::function<bool(const ProcessRow& child, const ProcessRow& parent)>;

// A root is a process that itself is above a floor, or whose tree is while no tree below it is. A fork that
// still runs its parent's program climbs to that parent, since its command line cannot be started alone. What
// merely hosts (session leaders on a terminal, sshd, service managers …) is no root on account of its
// children. By CPU, highest first.
[[nodiscard]] std::vector<Tree> find_candidates(std::span<const ProcessRow> rows, const CandidateRules& rules,
                                                const SameProgram& same_program);

// The tree below row `root`.
[[nodiscard]] Tree tree_of(std::span<const ProcessRow> rows, std::size_t root);

// `pid` and its parents, up to the first that is not in the rows.
[[nodiscard]] std::vector<std::int32_t> ancestors_of(std::span<const ProcessRow> rows, std::int32_t pid);

}  // namespace grid
