// The policy `threshold`: what presses on the head leaves, when it has pressed for long enough.
#include <algorithm>

#include "figures.hpp"
#include "grid/sdk/policy.hpp"
#include "memory.hpp"
#include "move_set.hpp"
#include "settings.hpp"
#include "stops.hpp"
#include "targets.hpp"
#include "triggers.hpp"

namespace grid {
namespace {

using namespace threshold;

// One decision on its way. Built for one snapshot, used once.
class Turn {
 public:
  Turn(const Settings& settings, const Snapshot& snapshot, std::string_view memory)
      : settings_(settings),
        snapshot_(snapshot),
        now_ms_(snapshot.now.monotonic.count()),
        before_(parse_memory(memory, now_ms_)) {
    if (before_) after_ = *before_;
    after_.at_ms = now_ms_;
    after_.triggers.clear();
  }

  PolicyAnswer answer() {
    decision_.policy = "threshold";
    head_ = measure_head(snapshot_);
    triggers_ = evaluate(head_, settings_, before_ ? &*before_ : nullptr, now_ms_, after_.triggers);
    targets_ = find_targets(snapshot_, settings_);
    remember_held();
    judge_candidates();
    choose_moves();
    mark_moves();
    explain();
    return {std::move(decision_), print_memory(after_)};
  }

 private:
  // A process that an execution holds now, or held lately, is in cool-down once it is let go.
  void remember_held() {
    for (const Candidate& candidate : snapshot_.candidates)
      if (candidate.paused || !candidate.execution.empty()) after_.last_held[candidate.root] = now_ms_;
    std::erase_if(after_.last_held,
                  [&](const auto& held) { return age(held.second) >= settings_.cooldown_seconds; });
  }

  void judge_candidates() {
    for (std::size_t i = 0; i < snapshot_.candidates.size(); ++i) {
      const Candidate& candidate = snapshot_.candidates[i];
      CandidateDecision judged;
      judged.root = candidate.root;
      if (candidate.restartable == Restartable::no) {
        judged.reasons.push_back({"not_restartable", "it must not be started again elsewhere"});
      } else {
        judged.placements = rank(targets_.eligible, use_of(candidate));
        if (auto reason = obstacle(candidate); !reason.code.empty())
          judged.reasons.push_back(std::move(reason));
        else if (judged.placements.empty())
          judged.reasons.push_back(no_target(candidate));
        else
          movables_.push_back({i, use_of(candidate), candidate.cpu_fraction.value_or(0), loss_of(candidate)});
        if (!candidate.allowed)
          judged.reasons.push_back(
              {"not_allowed", "no rule of offload.allow names it: only a person may move it"});
        else if (candidate.restartable == Restartable::with_loss && !candidate.loss_allowed)
          judged.reasons.push_back(
              {"loss_not_allowed", "its rule of offload.allow does not accept the loss"});
      }
      decision_.candidates.push_back(std::move(judged));
    }
  }

  // Why it does not move whatever presses; an empty code: nothing.
  Reason obstacle(const Candidate& candidate) const {
    if (!candidate.execution.empty()) return {"held", "execution " + candidate.execution + " holds it"};
    if (candidate.paused) return {"paused", "it is paused already"};
    const auto held = after_.last_held.find(candidate.root);
    if (held == after_.last_held.end()) return {};
    return {"cooldown", "an execution let go of it " + seconds(age(held->second)) + " ago, cool-down " +
                            seconds(settings_.cooldown_seconds)};
  }

  static Reason no_target(const Candidate& candidate) {
    const Use use = use_of(candidate);
    return {"no_target",
            "no worker has " + fixed(use.cpus, 2) + " CPUs and " + bytes(use.memory_bytes) + " free"};
  }

  static double loss_of(const Candidate& candidate) {
    return candidate.restartable == Restartable::with_loss ? candidate.cpu_seconds.value_or(0) : 0;
  }

  void choose_moves() {
    std::vector<Target> free = targets_.eligible;
    if (triggers_.cpu().holds || triggers_.pressure().holds) {
      need_cpus_ = needed_cpus();
      if (need_cpus_ >= 0) set_ = smallest_set(movables_, need_cpus_, free);
    }
    choose_stop_for(triggers_.memory(), head_.memory_used_bytes,
                    settings_.memory.low * head_.memory_total_bytes.value_or(0), free);
    choose_stop_for(triggers_.gpu(), head_.gpu_fraction, settings_.gpu.low, free);
  }

  // CPUs to free until the head is below its low mark, less what is leaving already. Negative: enough is on
  // its way.
  double needed_cpus() const {
    double leaving = 0;
    for (const Candidate& candidate : snapshot_.candidates)
      if (!candidate.execution.empty() && !candidate.paused) leaving += candidate.cpu_fraction.value_or(0);
    const double excess =
        head_.cpu_fraction ? (*head_.cpu_fraction - settings_.cpu.low) * head_.cpus.value_or(0) : 0.0;
    // Tasks may wait for a CPU though the head as a whole is below its mark: then one process goes.
    if (triggers_.pressure().holds && leaving == 0) return std::max(excess, 0.0);
    return excess - leaving;
  }

  void choose_stop_for(const Trigger& trigger, std::optional<double> used, double low,
                       std::vector<Target>& free) {
    if (used && !trigger.held_seconds) after_.freeing.erase(trigger.name);  // nothing presses any more
    if (!trigger.holds || !used) return;
    std::optional<Freeing> freeing;
    if (const auto known = after_.freeing.find(trigger.name); known != after_.freeing.end())
      freeing = known->second;
    const double patience = std::max(settings_.cooldown_seconds, 60.0);
    Stop stop =
        choose_stop({trigger.name, *used, *used - low}, snapshot_, movables_, patience, freeing, set_, free);
    after_.freeing.erase(trigger.name);
    if (freeing) after_.freeing[trigger.name] = *freeing;
    if (stop.index) {
      CandidateDecision& judged = decision_.candidates[*stop.index];
      judged.needs_stop = true;
      judged.reasons.push_back(
          {stop.reason.code, std::string(trigger.name) + " presses: only --original stop frees it"});
    }
    stop_reasons_.push_back(std::move(stop.reason));
  }

  void mark_moves() {
    for (Move& move : set_.moves) {
      CandidateDecision& judged = decision_.candidates[move.index];
      const Candidate& candidate = snapshot_.candidates[move.index];
      judged.move = true;
      judged.placements = std::move(move.placements);
      judged.reasons.insert(judged.reasons.begin(),
                            {"moves", "frees " + fixed(candidate.cpu_fraction.value_or(0), 2) + " CPUs and " +
                                          bytes(static_cast<double>(candidate.rss_bytes.value_or(0))) +
                                          ", to " + judged.placements.front().node});
    }
    const bool cpu_asked = triggers_.cpu().holds || triggers_.pressure().holds;
    for (const Movable& movable : movables_) {
      CandidateDecision& judged = decision_.candidates[movable.index];
      if (judged.move) continue;
      const char* why = !triggers_.any() ? "no trigger holds"
                        : set_.enough || need_cpus_ < 0 || !cpu_asked
                            ? "the head needs no more than what moves"
                        : movable.relief_cpus <= 0 ? "it would free nothing"
                                                   : "no room for it beside the others that move";
      judged.reasons.insert(judged.reasons.begin(), {"stays", why});
    }
  }

  void explain() {
    auto& reasons = decision_.reasons;
    for (const Trigger& trigger : triggers_.all)
      if (trigger.holds) reasons.push_back(trigger.reason);
    for (const Trigger& trigger : triggers_.all)
      if (!trigger.holds && trigger.held_seconds) reasons.push_back(trigger.reason);
    if (!triggers_.any())
      for (const Trigger& trigger : triggers_.all)
        if (!trigger.holds && !trigger.held_seconds && relevant(trigger)) reasons.push_back(trigger.reason);
    decision_.allowed = triggers_.any() && !set_.moves.empty();
    if (triggers_.any()) explain_moves();
    std::move(stop_reasons_.begin(), stop_reasons_.end(), std::back_inserter(reasons));
    if (targets_.eligible.empty()) reasons.push_back({"no_eligible_target", objections()});
    decision_.refused_nodes = targets_.refused;
    refuse_unused_targets();
    report_thresholds();
  }

  // A head without a GPU needs no line about it.
  bool relevant(const Trigger& trigger) const { return &trigger != &triggers_.gpu() || head_.gpu_fraction; }

  void explain_moves() {
    auto& reasons = decision_.reasons;
    const bool cpu_asked = triggers_.cpu().holds || triggers_.pressure().holds;
    if (set_.moves.empty()) {
      if (cpu_asked && need_cpus_ < 0)
        reasons.push_back({"already_leaving", "processes that are on their way free enough"});
      else if (movables_.empty())
        reasons.push_back({"nothing_to_move",
                           "none of " + count(snapshot_.candidates.size(), "candidate") + " can leave now"});
      else if (cpu_asked)
        reasons.push_back({"nothing_to_move", "none of " + count(movables_.size(), "process") +
                                                  " that could leave would free CPU"});
      return;
    }
    double relief = 0;
    for (const Move& move : set_.moves) relief += snapshot_.candidates[move.index].cpu_fraction.value_or(0);
    const std::string what = count(set_.moves.size(), "process") + " (" + fixed(relief, 2) + " CPUs)";
    if (cpu_asked && !set_.enough)
      reasons.push_back({"not_enough", "moving " + what + " leaves the head above its low mark " +
                                           fixed(settings_.cpu.low, 2) + ": it needs more than " +
                                           fixed(need_cpus_, 2) + " CPUs"});
    else if (cpu_asked)
      reasons.push_back({"move_set", "moving " + what + " brings the head below its low mark " +
                                         fixed(settings_.cpu.low, 2)});
  }

  std::string objections() const {
    std::string all;
    for (const RefusedNode& node : targets_.refused)
      all += (all.empty() ? "" : "; ") + node.node + ": " + node.reason;
    return all;
  }

  // An eligible worker that has no room for any of the processes that could leave gets nothing, and is told
  // why.
  void refuse_unused_targets() {
    for (const Target& target : targets_.eligible) {
      bool asked = false;
      bool used = false;
      for (const Candidate& candidate : snapshot_.candidates) {
        if (candidate.restartable == Restartable::no) continue;
        asked = true;
        used = used || target.fits(use_of(candidate));
      }
      if (asked && !used)
        decision_.refused_nodes.push_back({target.node, "no_room: " + fixed(target.free_cpus, 2) +
                                                            " CPUs and " + bytes(target.free_memory_bytes) +
                                                            " free, too little for each candidate"});
    }
  }

  void report_thresholds() {
    Values& values = decision_.thresholds;
    values["cpu_high"] = settings_.cpu.high;
    values["cpu_low"] = settings_.cpu.low;
    values["memory_high"] = settings_.memory.high;
    values["memory_low"] = settings_.memory.low;
    values["pressure_high"] = settings_.pressure.high;
    values["pressure_low"] = settings_.pressure.low;
    values["gpu_high"] = settings_.gpu.high;
    values["gpu_low"] = settings_.gpu.low;
    values["sustain_seconds"] = settings_.sustain_seconds;
    values["headroom_cpus"] = settings_.headroom_cpus;
    values["headroom_memory_bytes"] = static_cast<std::int64_t>(settings_.headroom_memory_bytes);
    values["cooldown_seconds"] = settings_.cooldown_seconds;
    if (triggers_.observed)
      values["sustain"] = triggers_.longest_seconds();
    else
      values["sustain"] = std::string("not_observed");
    const auto measured = [&](const char* name, std::optional<double> figure) {
      if (figure) values[name] = *figure;
    };
    measured("head_cpus", head_.cpus);
    measured("head_cpu_fraction", head_.cpu_fraction);
    measured("head_memory_fraction", head_.memory_fraction);
    measured("head_pressure_fraction", head_.pressure_fraction);
    measured("head_gpu_fraction", head_.gpu_fraction);
  }

  double age(std::int64_t at_ms) const { return static_cast<double>(now_ms_ - at_ms) / 1000; }

  const Settings& settings_;
  const Snapshot& snapshot_;
  std::int64_t now_ms_;
  std::optional<Memory> before_;
  Memory after_;
  HeadLoad head_;
  Triggers triggers_;
  Targets targets_;
  std::vector<Movable> movables_;
  double need_cpus_ = 0;
  MoveSet set_;
  std::vector<Reason> stop_reasons_;
  Decision decision_;
};

class Threshold final : public Policy {
 public:
  explicit Threshold(Host&) {}

  Result<> configure(const Options& options) override {
    auto settings = read_settings(options);
    if (!settings) return fail(std::move(settings.error()));
    settings_ = *settings;
    return {};
  }

  [[nodiscard]] Result<PolicyAnswer> decide(const Snapshot& snapshot,
                                            std::string_view memory) const override {
    return Turn(settings_, snapshot, memory).answer();
  }

 private:
  Settings settings_;
};

}  // namespace
}  // namespace grid

GRID_PLUGIN(policy, threshold, "0.1.0",
            "Moves work off the head when CPU, memory, GPU or pressure stay above a mark.", grid::Threshold,
            grid::threshold::option_specs(), grid::threshold::sample_yaml())
