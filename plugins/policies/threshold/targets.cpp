#include "targets.hpp"

#include <algorithm>
#include <cmath>

#include "figures.hpp"

namespace grid::threshold {
namespace {

// An idle process still needs a moment of CPU now and then.
constexpr double least_cpus = 0.01;

Target measure(const Node& node, const Settings& settings) {
  const Sample& sample = node.sample;
  const double cpus = *sample.cpus;
  const double foreign = std::max(0.0, *sample.cpu_fraction - node.own_cpu_fraction.value_or(0)) * cpus;
  Target target;
  target.node = node.name;
  target.cpus = cpus;
  target.memory_bytes = static_cast<double>(sample.memory_total_bytes.value_or(0));
  target.free_cpus = cpus - foreign - node.reserved.cpus - settings.headroom_cpus;
  target.free_memory_bytes = static_cast<double>(*sample.memory_available_bytes) -
                             static_cast<double>(node.reserved.memory_bytes) -
                             static_cast<double>(settings.headroom_memory_bytes);
  target.gpu = !sample.gpus.empty();
  return target;
}

// Empty when nothing speaks against the worker.
std::string objection(const Node& node, const Settings& settings) {
  if (node.state != NodeState::alive) return "state: " + std::string(to_string(node.state)) + ", not alive";
  if (!node.accepts_work) return "drained: accepts no work";
  const Sample& sample = node.sample;
  if (!sample.cpus || *sample.cpus == 0 || !sample.cpu_fraction || !std::isfinite(*sample.cpu_fraction))
    return "load_unknown: no CPU figures from it";
  if (!sample.memory_available_bytes) return "memory_unknown: no memory figures from it";
  const Target target = measure(node, settings);
  if (target.free_cpus < least_cpus)
    return "no_room: " + fixed(std::max(0.0, target.free_cpus), 2) + " of " + fixed(target.cpus, 0) +
           " CPUs free after load, reservations and headroom";
  if (target.free_memory_bytes <= 0)
    return "no_room: " + bytes(static_cast<double>(*sample.memory_available_bytes)) +
           " memory available, none left after reservations and headroom";
  return {};
}

}  // namespace

Use use_of(const Candidate& candidate) {
  return {std::max(candidate.cpu_fraction.value_or(0), least_cpus),
          static_cast<double>(candidate.rss_bytes.value_or(0))};
}

bool Target::fits(const Use& use) const {
  return free_cpus >= use.cpus && free_memory_bytes >= use.memory_bytes;
}

double Target::score(const Use& use) const {
  double share = (free_cpus - use.cpus) / cpus;
  if (memory_bytes > 0) share = std::min(share, (free_memory_bytes - use.memory_bytes) / memory_bytes);
  return std::clamp(share, 0.0, 1.0);
}

void Target::take(const Use& use) {
  free_cpus -= use.cpus;
  free_memory_bytes -= use.memory_bytes;
}

void Target::give_back(const Use& use) { take({-use.cpus, -use.memory_bytes}); }

Targets find_targets(const Snapshot& snapshot, const Settings& settings) {
  Targets targets;
  for (const Node& node : snapshot.nodes) {
    // By name and machine id too: a worker entry that is really the head must not slip through.
    const bool head =
        node.role == Role::head || node.name == snapshot.head ||
        std::any_of(snapshot.nodes.begin(), snapshot.nodes.end(), [&](const Node& other) {
          return other.role == Role::head && !node.machine_id.empty() && other.machine_id == node.machine_id;
        });
    std::string reason = head ? "head: never a target" : objection(node, settings);
    if (reason.empty())
      targets.eligible.push_back(measure(node, settings));
    else
      targets.refused.push_back({node.name, std::move(reason)});
  }
  // A snapshot without its head is degraded; what is promised about the head holds all the same.
  const bool named = std::any_of(targets.refused.begin(), targets.refused.end(),
                                 [&](const RefusedNode& node) { return node.node == snapshot.head; });
  if (!named) targets.refused.insert(targets.refused.begin(), {snapshot.head, "head: never a target"});
  std::sort(targets.eligible.begin(), targets.eligible.end(),
            [](const Target& a, const Target& b) { return a.node < b.node; });
  return targets;
}

std::vector<Placement> rank(const std::vector<Target>& targets, const Use& use) {
  std::vector<Placement> placements;
  for (const Target& target : targets)
    if (target.fits(use)) placements.push_back({target.node, target.score(use)});
  std::sort(placements.begin(), placements.end(), [](const Placement& a, const Placement& b) {
    return a.score != b.score ? a.score > b.score : a.node < b.node;
  });
  return placements;
}

}  // namespace grid::threshold
