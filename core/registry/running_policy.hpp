// A policy behind the host's fence: timed, counted, with a deadline.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/registry/status.hpp"
#include "grid/sdk/policy.hpp"

namespace grid {

class Supervisor;

class RunningPolicy {
 public:
  // By Registry::policy().
  RunningPolicy(std::shared_ptr<Supervisor> supervisor, std::shared_ptr<Policy> policy);
  // Stops the policy. [loop]
  ~RunningPolicy();
  RunningPolicy(const RunningPolicy&) = delete;
  RunningPolicy& operator=(const RunningPolicy&) = delete;

  // [any] Waits for the answer, up to the deadline. Error: plugin_fault, or the policy's own.
  [[nodiscard]] Result<PolicyAnswer> decide(std::shared_ptr<const Snapshot> snapshot, std::string memory);
  // [loop & started] The same without waiting: `done` is called exactly once, on the loop, never from inside
  // this call. Calls that overlap wait for one another.
  void decide_async(std::shared_ptr<const Snapshot> snapshot, std::string memory,
                    std::function<void(Result<PolicyAnswer>)> done);
  [[nodiscard]] PluginStatus status() const;  // [any]

 private:
  std::shared_ptr<Supervisor> supervisor_;
  std::shared_ptr<Policy> policy_;
};

}  // namespace grid
