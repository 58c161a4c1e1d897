#include "core/loop/place.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace grid {
namespace {

enum class Measure { load, reservations };

double free_cpus(const Node& node, Measure measure) {
  const double cpus = node.sample.cpus.value_or(0);
  double taken = node.reserved.cpus;
  if (measure == Measure::load)
    taken += std::max(0.0, node.sample.cpu_fraction.value_or(0) - node.own_cpu_fraction.value_or(0)) * cpus;
  return cpus - taken;
}

std::string problem_of(const Node& node) { return node.problem.empty() ? "" : ": " + node.problem; }

// Whether it may ever run there; if not, the reason.
bool eligible(const Node& node, const PlaceRequest& request, std::string& why) {
  if (!request.pinned.empty() && node.name != request.pinned)
    return why = "another node was asked for", false;
  if (!node.accepts_work && !(node.only_named && node.name == request.pinned))
    return why = "does not accept work" + problem_of(node), false;
  if (node.state != NodeState::alive)
    return why = "is " + std::string(to_string(node.state)) + problem_of(node), false;
  for (const std::string& label : request.labels)
    if (std::find(node.labels.begin(), node.labels.end(), label) == node.labels.end())
      return why = "lacks the label " + label, false;
  if (request.needs.gpus > 0) return why = "has no GPU that grid knows of", false;
  return true;
}

bool large_enough(const Node& node, const Resources& needs) {
  return needs.cpus <= node.sample.cpus.value_or(0) &&
         needs.memory_bytes <= node.sample.memory_total_bytes.value_or(0);
}

// How many fit at once; 0 with the reason.
std::uint32_t fitting(const Node& node, const PlaceRequest& request, Measure measure, std::string& why) {
  if (!eligible(node, request, why)) return 0;
  const double cpus = free_cpus(node, measure);
  // Half a hundredth of a CPU of slack: measured load is never exactly zero.
  const double slots = request.needs.cpus > 0 ? std::floor((cpus + 0.005) / request.needs.cpus) : 1e4;
  if (slots < 1)
    return why = fmt::format("{:.1f} CPUs free of {}, {:g} needed", std::max(0.0, cpus),
                             node.sample.cpus.value_or(0), request.needs.cpus),
           0;
  double memory_slots = 1e4;
  if (request.needs.memory_bytes > 0) {
    const auto need = static_cast<double>(request.needs.memory_bytes);
    const auto total = static_cast<double>(node.sample.memory_total_bytes.value_or(0));
    const auto available = static_cast<double>(node.sample.memory_available_bytes.value_or(0));
    const auto reserved = static_cast<double>(node.reserved.memory_bytes);
    memory_slots = std::floor(
        std::min(total - reserved, measure == Measure::load ? available : total - reserved) / need);
    if (memory_slots < 1) return why = "not enough memory free", 0;
  }
  return static_cast<std::uint32_t>(std::min({slots, memory_slots, 1e4}));
}

}  // namespace

PlaceAnswer place(const std::vector<Node>& nodes, const PlaceRequest& request) {
  for (const Measure measure : {Measure::load, Measure::reservations}) {
    PlaceAnswer answer;
    const Node* best = nullptr;
    for (const Node& node : nodes) {
      std::string why;
      if (eligible(node, request, why) && large_enough(node, request.needs)) ++answer.able;
      const std::uint32_t slots = fitting(node, request, measure, why);
      if (slots == 0) {
        answer.refused.push_back({node.name, why});
        continue;
      }
      const auto better = [&] {
        if (best == nullptr) return true;
        if (best->role != node.role) return node.role == Role::head;
        return free_cpus(node, measure) > free_cpus(*best, measure);
      };
      if (better()) {
        best = &node;
        answer.slots = slots;
      }
    }
    if (best != nullptr) {
      answer.node = best->name;
      answer.able = std::max(answer.able, 1U);
      return answer;
    }
    if (measure == Measure::reservations) return answer;
  }
  return {};
}

std::string refusal_text(const std::vector<RefusedNode>& refused) {
  std::string text;
  for (const RefusedNode& node : refused) {
    if (!text.empty()) text += "; ";
    text += node.node + ": " + node.reason;
  }
  return text.empty() ? "there are no nodes" : text;
}

}  // namespace grid
