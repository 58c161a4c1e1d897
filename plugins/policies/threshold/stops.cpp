#include "stops.hpp"

#include <algorithm>
#include <string_view>

#include "figures.hpp"

namespace grid::threshold {
namespace {

bool in_set(const MoveSet& set, std::size_t index) {
  return std::any_of(set.moves.begin(), set.moves.end(),
                     [&](const Move& move) { return move.index == index; });
}

std::vector<Placement> placements_for(bool gpu, const Movable& movable, const std::vector<Target>& targets) {
  std::vector<Target> usable;
  std::copy_if(targets.begin(), targets.end(), std::back_inserter(usable),
               [&](const Target& target) { return !gpu || target.gpu; });
  return rank(usable, movable.use);
}

// Better first: frees all that must go; is moved anyway; least loss; frees most.
struct Merit {
  bool enough;
  bool moved;
  double loss;
  double frees;
  [[nodiscard]] bool better_than(const Merit& other) const {
    if (enough != other.enough) return enough;
    if (!enough && frees != other.frees) return frees > other.frees;
    if (moved != other.moved) return moved;
    if (loss != other.loss) return loss < other.loss;
    return frees > other.frees;
  }
};

}  // namespace

Stop choose_stop(const StopRequest& request, const Snapshot& snapshot, const std::vector<Movable>& movables,
                 double patience_seconds, std::optional<Freeing>& freeing, MoveSet& set,
                 std::vector<Target>& targets) {
  const std::string name = request.name;
  const bool gpu = name == "gpu";
  const std::int64_t now_ms = snapshot.now.monotonic.count();
  if (freeing) {
    const double age = static_cast<double>(now_ms - freeing->at_ms) / 1000;
    if (request.used <= freeing->used - freeing->frees / 2 || age > patience_seconds) freeing.reset();
  }
  const Movable* best = nullptr;
  Merit best_merit{};
  for (const Movable& movable : movables) {
    if (freeing && snapshot.candidates[movable.index].root != freeing->chosen) continue;
    // Which process uses the GPU is not measured; the busiest is the likeliest.
    const double frees = gpu ? movable.relief_cpus : movable.use.memory_bytes;
    if (!gpu && frees <= 0) continue;
    const Merit merit{!gpu && frees > request.excess, in_set(set, movable.index), movable.loss, frees};
    if (!merit.moved && placements_for(gpu, movable, targets).empty()) continue;
    if (best != nullptr && !merit.better_than(best_merit)) continue;
    best = &movable;
    best_merit = merit;
  }
  if (best == nullptr) {
    if (!freeing) return {{}, {name + "_no_choice", "no process could leave that would free " + name}};
    return {{},
            {name + "_freeing", "process " + std::to_string(freeing->chosen.pid) + " was chosen " +
                                    seconds(static_cast<double>(now_ms - freeing->at_ms) / 1000) +
                                    " ago and has not freed anything yet: nothing more moves for it"}};
  }
  if (!best_merit.moved) {
    std::vector<Placement> placements = placements_for(gpu, *best, targets);
    const auto target = std::find_if(targets.begin(), targets.end(), [&](const Target& other) {
      return other.node == placements.front().node;
    });
    target->take(best->use);
    set.moves.push_back({best->index, std::move(placements)});
  }
  const double frees = gpu ? request.excess : best->use.memory_bytes;
  const ProcessId chosen = snapshot.candidates[best->index].root;
  freeing = Freeing{now_ms, request.used, frees, chosen};
  const std::string what = gpu ? "GPU memory or time" : "memory";
  return {best->index,
          {"pause_does_not_free", "pausing frees CPU, not " + what + ": process " +
                                      std::to_string(chosen.pid) + " must be stopped (--original stop)"}};
}

}  // namespace grid::threshold
