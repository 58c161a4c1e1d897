// What is known of the nodes, and what is wrong with them.
#include <algorithm>

#include <fmt/format.h>

#include "core/loop/node_entry.hpp"

namespace grid {
namespace {

constexpr double stale_intervals = 3;      // a sample older than this says nothing of the node
constexpr double least_stale_seconds = 2;  // however often nodes are looked at
constexpr double silent_seconds = 3;       // a read that takes longer is worth a word

// A simulated worker has the capacity and the foreign load that the configuration gives it, less what runs
// there.
Sample simulated_sample(const NodeConfig& config, const Nodes::Load& load) {
  Sample sample;
  const double cpus = config.cpus.value_or(0);
  sample.cpus = static_cast<std::uint32_t>(cpus);
  const double own = cpus > 0 ? std::min(1.0, load.reserved.cpus / cpus) : 0;
  sample.cpu_fraction = std::min(1.0, config.cpu_fraction + own);
  sample.memory_total_bytes = config.memory_bytes.value_or(0);
  sample.memory_available_bytes =
      *sample.memory_total_bytes - std::min(*sample.memory_total_bytes, load.reserved.memory_bytes);
  return sample;
}

// Not all of the machine may be used.
void limit(Sample& sample, const NodeConfig& config) {
  if (config.cpus) sample.cpus = std::max(1U, static_cast<std::uint32_t>(*config.cpus));
  if (!config.memory_bytes) return;
  sample.memory_total_bytes = *config.memory_bytes;
  if (sample.memory_available_bytes)
    sample.memory_available_bytes = std::min(*sample.memory_available_bytes, *config.memory_bytes);
}

}  // namespace

double Nodes::age_seconds(const Entry& entry) const {
  return std::chrono::duration<double>(host_.now().monotonic - entry.sampled.monotonic).count();
}

// It never takes work: it is a machine that has another name already.
std::optional<Error> Nodes::excluded(const Entry& entry) const {
  const std::string& machine = entry.identity.machine_id;
  if (entry.role == Role::head || entry.config.simulated || machine.empty()) return std::nullopt;
  if (machine == entries_.at(head_)->identity.machine_id)
    return Error{Code::policy_denied,
                 "is the head itself",
                 "work for this machine: grid run --on " + head_,
                 {},
                 false};
  // The first of the configuration counts; what a command named comes after all of them.
  for (const auto& [name, other] : entries_) {
    const bool earlier = other->on_demand == entry.on_demand ? name < entry.name : entry.on_demand;
    if (earlier && other->role == Role::worker && !other->config.simulated &&
        other->identity.machine_id == machine)
      return Error{
          Code::policy_denied, "is the same machine as " + name, "name that one: --on " + name, {}, false};
  }
  return std::nullopt;
}

// Why nothing is known of it now.
std::optional<Error> Nodes::silent(const Entry& entry) const {
  if (entry.open_error) return entry.open_error;
  if (entry.config.simulated) return std::nullopt;
  // That a link cannot say who is there explains why it cannot be read.
  if (entry.identity_error && !entry.identified) return entry.identity_error;
  if (entry.read_error) return entry.read_error;
  const double waiting =
      std::chrono::duration<double>(host_.now().monotonic - entry.read_began.monotonic).count();
  if (entry.reading && waiting > silent_seconds)
    return Error{Code::node_unreachable,
                 fmt::format("has not answered for {:.0f} s", waiting),
                 "see: grid doctor " + entry.name,
                 {},
                 true};
  return std::nullopt;
}

NodeState Nodes::state(const Entry& entry) const {
  if (entry.link == nullptr) return NodeState::unknown;
  if (entry.config.simulated) return NodeState::alive;
  if (!entry.has_sample) return NodeState::unknown;
  if (entry.role == Role::head) return NodeState::alive;
  const double stale = std::max(least_stale_seconds, stale_intervals * config_.daemon.node_interval_seconds);
  return entry.identified && age_seconds(entry) <= stale ? NodeState::alive : NodeState::unknown;
}

std::vector<Node> Nodes::view(const std::map<std::string, Load>& load) const {
  std::vector<Node> nodes;
  for (const auto& [name, entry] : entries_) {
    Node node;
    node.name = name;
    node.machine_id = entry->identity.machine_id;
    node.role = entry->role;
    node.simulated = entry->config.simulated;
    const bool takes = entry->accepts_work && !excluded(*entry);
    node.accepts_work = takes && !entry->on_demand;
    node.only_named = takes && entry->on_demand;
    node.transport = entry->config.transport;
    node.labels = entry->config.labels;
    node.state = state(*entry);
    node.problem = problem(name);
    Load own;
    if (const auto found = load.find(name); found != load.end()) own = found->second;
    node.reserved = own.reserved;
    node.running = own.running;
    if (node.simulated) {
      node.sample = simulated_sample(entry->config, own);
      node.own_cpu_fraction = *node.sample.cpu_fraction - std::min(1.0, entry->config.cpu_fraction);
      node.sample_age_seconds = 0;
    } else if (entry->has_sample) {
      node.sample = entry->sample;
      limit(node.sample, entry->config);
      node.sample_age_seconds = age_seconds(*entry);
    }
    if (node.role == Role::head)
      nodes.insert(nodes.begin(), std::move(node));
    else
      nodes.push_back(std::move(node));
  }
  return nodes;
}

std::string Nodes::problem(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return {};
  const Entry& entry = *found->second;
  if (const auto why = excluded(entry)) return why->message;
  if (const auto why = silent(entry)) return why->message;
  return entry.sample_problem;
}

bool Nodes::looked_at(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return false;
  const Entry& entry = *found->second;
  if (entry.link == nullptr || entry.config.simulated || entry.role == Role::head) return true;
  return entry.identity_asked && entry.read_ended;
}

std::optional<Error> Nodes::trouble(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return std::nullopt;
  const Entry& entry = *found->second;
  if (auto why = excluded(entry)) {
    why->message = "node " + name + " " + why->message;
    return why;
  }
  if (state(entry) == NodeState::alive) return std::nullopt;
  return silent(entry);
}

}  // namespace grid
