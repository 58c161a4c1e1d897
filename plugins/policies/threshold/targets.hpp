// Where a process could go: the workers, what is free on them, and why some are out of the question.
#pragma once

#include <string>
#include <vector>

#include "grid/sdk/model.hpp"
#include "settings.hpp"

namespace grid::threshold {

// What a candidate uses, and so needs on a target.
struct Use {
  double cpus = 0;
  double memory_bytes = 0;
};
[[nodiscard]] Use use_of(const Candidate& candidate);

// An eligible worker. Free means: after foreign load, reservations and headroom.
struct Target {
  std::string node;
  double cpus = 0;
  double memory_bytes = 0;  // total; 0: unknown
  double free_cpus = 0;
  double free_memory_bytes = 0;
  bool gpu = false;

  [[nodiscard]] bool fits(const Use& use) const;
  // The smaller free share of CPU and memory once `use` is there, 0…1.
  [[nodiscard]] double score(const Use& use) const;
  void take(const Use& use);
  void give_back(const Use& use);
};

struct Targets {
  std::vector<Target> eligible;      // by name
  std::vector<RefusedNode> refused;  // the head always; order of the snapshot
};

[[nodiscard]] Targets find_targets(const Snapshot& snapshot, const Settings& settings);

// The targets that fit, best first, ties by name.
[[nodiscard]] std::vector<Placement> rank(const std::vector<Target>& targets, const Use& use);

}  // namespace grid::threshold
