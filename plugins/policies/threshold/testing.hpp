// What the tests of this policy share: the plugin as the host makes it, and snapshots in a few words.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "grid/sdk/policy.hpp"
#include "settings.hpp"

extern "C" const grid::Descriptor grid_plugin_descriptor;

namespace grid::threshold::testing {

inline constexpr std::uint64_t GiB = 1ULL << 30U;

// A policy is pure: it asks its host for nothing.
class SilentHost final : public Host {
 public:
  [[nodiscard]] Time now() const override { throw std::logic_error("a policy looks at no clock"); }
  void log(LogLevel, std::string_view) override {}
  [[nodiscard]] std::filesystem::path file_root() const override {
    throw std::logic_error("a policy does no I/O");
  }
  bool post(std::function<void()>) override { throw std::logic_error("a policy posts nothing"); }
  void work(std::function<void()>) override { throw std::logic_error("a policy has no work"); }
  [[nodiscard]] std::unique_ptr<Handle> watch_readable(int, std::function<void()>) override {
    return nullptr;
  }
  [[nodiscard]] std::unique_ptr<Handle> after(std::chrono::milliseconds, std::function<void()>) override {
    return nullptr;
  }
};

inline std::unique_ptr<Policy> make_policy(const Values& changes = {}) {
  static SilentHost host;
  std::unique_ptr<Policy> policy(static_cast<Policy*>(grid_plugin_descriptor.make(host)));
  Values values = default_values(option_specs());
  for (const auto& [name, value] : changes) values[name] = value;
  if (const auto done = policy->configure(Options(values)); !done)
    throw std::runtime_error(done.error().message);
  return policy;
}

inline PolicyAnswer decide(const Policy& policy, const Snapshot& snapshot, std::string_view memory = {}) {
  auto answer = policy.decide(snapshot, memory);
  if (!answer) throw std::runtime_error(answer.error().message);
  return std::move(*answer);
}

inline Node make_node(std::string name, Role role, double cpu_fraction, std::uint32_t cpus = 2) {
  Node node;
  node.machine_id = "id-" + name;
  node.name = std::move(name);
  node.role = role;
  node.state = NodeState::alive;
  node.sample.cpus = cpus;
  node.sample.cpu_fraction = cpu_fraction;
  node.sample.memory_total_bytes = 8 * GiB;
  node.sample.memory_available_bytes = 6 * GiB;
  return node;
}

inline Candidate make_candidate(int pid, double cpu_fraction, std::uint64_t rss_bytes = GiB / 8) {
  Candidate candidate;
  candidate.root = {pid, 100U + static_cast<std::uint64_t>(pid)};
  candidate.command = "hog " + std::to_string(pid);
  candidate.cpu_fraction = cpu_fraction;
  candidate.rss_bytes = rss_bytes;
  candidate.restartable = Restartable::yes;
  candidate.allowed = true;
  return candidate;
}

// A head of two CPUs that is `cpu_fraction` busy, and one idle worker w1 of two.
inline Snapshot make_snapshot(double cpu_fraction) {
  Snapshot snapshot;
  snapshot.now.monotonic = std::chrono::seconds(1000);
  snapshot.head = "desk";
  snapshot.nodes = {make_node("desk", Role::head, cpu_fraction), make_node("w1", Role::worker, 0.0)};
  return snapshot;
}

inline bool has(const std::vector<Reason>& reasons, std::string_view code) {
  for (const Reason& reason : reasons)
    if (reason.code == code) return true;
  return false;
}

inline std::string text_of(const std::vector<Reason>& reasons, std::string_view code) {
  for (const Reason& reason : reasons)
    if (reason.code == code) return reason.text;
  return {};
}

}  // namespace grid::threshold::testing
