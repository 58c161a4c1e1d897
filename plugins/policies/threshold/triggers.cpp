#include "triggers.hpp"

#include <algorithm>

#include "figures.hpp"

namespace grid::threshold {
namespace {

// Longer without a look, and nobody knows what the figure did meanwhile.
double longest_gap_seconds(const Settings& settings) { return std::max(60.0, 3 * settings.sustain_seconds); }

struct Figure {
  const char* name;
  std::optional<double> value;
  Marks marks;
  std::string text;  // "head at 0.98 of 2 CPUs"
};

Trigger judge(const Figure& figure, double sustain_seconds, bool observed, std::int64_t now_ms,
              std::map<std::string, Latch>& latches) {
  Trigger trigger{figure.name, false, {}, {}};
  const std::string name = figure.name;
  const auto known = latches.find(name);
  if (!figure.value) {
    if (known != latches.end() && !known->second.latched) latches.erase(known);
    trigger.reason = {name + "_unknown", "the head's " + name + " figure is not known"};
    return trigger;
  }
  const bool latched = known != latches.end() && known->second.latched && *figure.value >= figure.marks.low;
  if (!latched && *figure.value < figure.marks.high) {
    latches.erase(name);
    trigger.reason = {name + "_ok", figure.text + ", high mark " + fixed(figure.marks.high, 2)};
    return trigger;
  }
  Latch& latch = latches.try_emplace(name, Latch{now_ms, false}).first->second;
  trigger.held_seconds = static_cast<double>(now_ms - latch.since_ms) / 1000;
  const std::string above = figure.text + ", high mark " + fixed(figure.marks.high, 2);
  if (!observed) {
    trigger.holds = true;
    trigger.reason = {name + "_high", above + ", for how long was not observed"};
  } else if (latch.latched || *trigger.held_seconds >= sustain_seconds) {
    latch.latched = trigger.holds = true;
    trigger.reason = {name + "_high", above + ", held for " + seconds(*trigger.held_seconds)};
    if (*figure.value < figure.marks.high)
      trigger.reason.text += ", until below " + fixed(figure.marks.low, 2);
  } else {
    trigger.reason = {name + "_not_sustained", above + ", held for " + seconds(*trigger.held_seconds) +
                                                   " of " + seconds(sustain_seconds)};
  }
  return trigger;
}

std::optional<double> busiest(const std::vector<Gpu>& gpus) {
  std::optional<double> most;
  for (const Gpu& gpu : gpus)
    if (gpu.busy_fraction && (!most || *gpu.busy_fraction > *most)) most = gpu.busy_fraction;
  return most;
}

std::string text_of(std::optional<double> value, const std::string& of) {
  return value ? "head at " + fixed(*value, 2) + of : std::string();
}

}  // namespace

HeadLoad measure_head(const Snapshot& snapshot) {
  HeadLoad load;
  const auto head = std::find_if(snapshot.nodes.begin(), snapshot.nodes.end(),
                                 [](const Node& node) { return node.role == Role::head; });
  if (head == snapshot.nodes.end()) return load;
  const Sample& sample = head->sample;
  if (sample.cpus && *sample.cpus > 0) load.cpus = *sample.cpus;
  if (load.cpus && sample.cpu_fraction) {
    double paused_cpus = 0;  // a tree paused during the interval still shows in the sample
    for (const Candidate& candidate : snapshot.candidates)
      if (candidate.paused) paused_cpus += candidate.cpu_fraction.value_or(0);
    load.cpu_fraction = std::max(0.0, *sample.cpu_fraction - paused_cpus / *load.cpus);
  }
  if (sample.memory_total_bytes && *sample.memory_total_bytes > 0 && sample.memory_available_bytes) {
    load.memory_total_bytes = static_cast<double>(*sample.memory_total_bytes);
    load.memory_used_bytes =
        std::max(0.0, *load.memory_total_bytes - static_cast<double>(*sample.memory_available_bytes));
    load.memory_fraction = *load.memory_used_bytes / *load.memory_total_bytes;
  }
  load.pressure_fraction = sample.pressure.cpu_some;
  load.gpu_fraction = busiest(sample.gpus);
  return load;
}

bool Triggers::any() const {
  return std::any_of(all.begin(), all.end(), [](const Trigger& trigger) { return trigger.holds; });
}

double Triggers::longest_seconds() const {
  double longest = 0;
  for (const Trigger& trigger : all) longest = std::max(longest, trigger.held_seconds.value_or(0));
  return longest;
}

Triggers evaluate(const HeadLoad& head, const Settings& settings, const Memory* before, std::int64_t now_ms,
                  std::map<std::string, Latch>& latches) {
  Triggers triggers;
  triggers.observed = before != nullptr &&
                      static_cast<double>(now_ms - before->at_ms) / 1000 <= longest_gap_seconds(settings);
  if (triggers.observed) latches = before->triggers;
  const std::string of_cpus = head.cpus ? " of " + count(static_cast<std::size_t>(*head.cpus), "CPU") : "";
  const std::string of_memory =
      head.memory_total_bytes ? " of " + bytes(*head.memory_total_bytes) + " memory" : "";
  const std::array<Figure, 4> figures{{
      {"cpu", head.cpu_fraction, settings.cpu, text_of(head.cpu_fraction, of_cpus)},
      {"memory", head.memory_fraction, settings.memory, text_of(head.memory_fraction, of_memory)},
      {"pressure", head.pressure_fraction, settings.pressure,
       text_of(head.pressure_fraction, " of the time waiting for a CPU")},
      {"gpu", head.gpu_fraction, settings.gpu, text_of(head.gpu_fraction, " of its busiest GPU")},
  }};
  for (std::size_t i = 0; i < figures.size(); ++i)
    triggers.all[i] = judge(figures[i], settings.sustain_seconds, triggers.observed, now_ms, latches);
  return triggers;
}

}  // namespace grid::threshold
