#include "move_set.hpp"

#include <algorithm>
#include <limits>

namespace grid::threshold {
namespace {

constexpr std::size_t most_searched = 16;
constexpr int search_budget = 200'000;  // steps; keeps a decision within milliseconds and deterministic

class Search {
 public:
  Search(const std::vector<Movable>& movables, double need_cpus, const std::vector<Target>& targets)
      : movables_(movables), need_(need_cpus), targets_(targets) {}

  // The best set of exactly `size`, empty when there is none.
  std::vector<std::size_t> best_of(std::size_t size) {
    best_.clear();
    best_loss_ = std::numeric_limits<double>::infinity();
    chosen_.clear();
    choose(size, 0, 0, 0);
    return best_;
  }
  [[nodiscard]] bool exhausted() const { return budget_ <= 0; }

 private:
  void choose(std::size_t left, std::size_t from, double relief, double loss) {
    if (--budget_ <= 0) return;
    if (left == 0) {
      const bool better = loss < best_loss_ || (loss == best_loss_ && relief > best_relief_);
      if (relief > need_ && better && packs(0)) {
        best_ = chosen_;
        best_loss_ = loss;
        best_relief_ = relief;
      }
      return;
    }
    for (std::size_t i = from; i + left <= movables_.size(); ++i) {
      // Sorted by relief: those that follow cannot free more than this one.
      if (relief + static_cast<double>(left) * movables_[i].relief_cpus <= need_) return;
      if (loss + movables_[i].loss > best_loss_) continue;
      chosen_.push_back(i);
      choose(left - 1, i + 1, relief + movables_[i].relief_cpus, loss + movables_[i].loss);
      chosen_.pop_back();
    }
  }

  // Is there room for all chosen at once?
  bool packs(std::size_t from) {
    if (from == chosen_.size()) return true;
    if (--budget_ <= 0) return false;
    const Use& use = movables_[chosen_[from]].use;
    for (Target& target : targets_) {
      if (!target.fits(use)) continue;
      const Target before = target;
      target.take(use);
      const bool found = packs(from + 1);
      target = before;
      if (found) return true;
    }
    return false;
  }

  const std::vector<Movable>& movables_;
  double need_;
  std::vector<Target> targets_;
  std::vector<std::size_t> chosen_;
  std::vector<std::size_t> best_;
  double best_loss_ = 0;
  double best_relief_ = 0;
  int budget_ = search_budget;
};

Target& by_name(std::vector<Target>& targets, const std::string& node) {
  return *std::find_if(targets.begin(), targets.end(),
                       [&](const Target& target) { return target.node == node; });
}

// Gives each movable of `chosen` the best target that leaves room for the rest. False: no such way was found.
bool assign(const std::vector<Movable>& movables, const std::vector<std::size_t>& chosen, std::size_t from,
            std::vector<Target>& targets, std::vector<Move>& moves, int& budget) {
  if (from == chosen.size()) return true;
  if (--budget <= 0) return false;
  const Movable& movable = movables[chosen[from]];
  std::vector<Placement> placements = rank(targets, movable.use);
  while (!placements.empty()) {
    Target& target = by_name(targets, placements.front().node);
    const Target before = target;
    target.take(movable.use);
    moves.push_back({movable.index, placements});
    if (assign(movables, chosen, from + 1, targets, moves, budget)) return true;
    moves.pop_back();
    target = before;
    placements.erase(placements.begin());
  }
  return false;
}

MoveSet greedy(const std::vector<Movable>& movables, double need_cpus, std::vector<Target>& targets) {
  MoveSet set;
  double relief = 0;
  for (const Movable& movable : movables) {
    if (relief > need_cpus || movable.relief_cpus <= 0) break;
    std::vector<Placement> placements = rank(targets, movable.use);
    if (placements.empty()) continue;
    by_name(targets, placements.front().node).take(movable.use);
    relief += movable.relief_cpus;
    set.moves.push_back({movable.index, std::move(placements)});
  }
  set.enough = relief > need_cpus;
  return set;
}

}  // namespace

MoveSet smallest_set(const std::vector<Movable>& movables, double need_cpus, std::vector<Target>& targets) {
  std::vector<Movable> sorted = movables;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Movable& a, const Movable& b) { return a.relief_cpus > b.relief_cpus; });
  std::vector<Movable> searched(
      sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(std::min(sorted.size(), most_searched)));
  Search search(searched, need_cpus, targets);
  for (std::size_t size = 1; size <= searched.size() && !search.exhausted(); ++size) {
    const std::vector<std::size_t> chosen = search.best_of(size);
    if (chosen.empty()) continue;
    MoveSet set;
    int budget = search_budget;
    if (assign(searched, chosen, 0, targets, set.moves, budget)) {
      set.enough = true;
      return set;
    }
    break;
  }
  return greedy(sorted, need_cpus, targets);
}

}  // namespace grid::threshold
