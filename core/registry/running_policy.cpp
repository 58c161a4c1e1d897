#include "core/registry/running_policy.hpp"

#include "core/registry/supervisor.hpp"

namespace grid {
namespace {

auto deciding(std::shared_ptr<Policy> policy, std::shared_ptr<const Snapshot> snapshot, std::string memory) {
  return [policy = std::move(policy), snapshot = std::move(snapshot), memory = std::move(memory)] {
    return policy->decide(*snapshot, memory);
  };
}

}  // namespace

RunningPolicy::RunningPolicy(std::shared_ptr<Supervisor> supervisor, std::shared_ptr<Policy> policy)
    : supervisor_(std::move(supervisor)), policy_(std::move(policy)) {}

RunningPolicy::~RunningPolicy() { supervisor_->stop(*policy_); }

Result<PolicyAnswer> RunningPolicy::decide(std::shared_ptr<const Snapshot> snapshot, std::string memory) {
  return supervisor_->compute("decide", deciding(policy_, std::move(snapshot), std::move(memory)));
}

void RunningPolicy::decide_async(std::shared_ptr<const Snapshot> snapshot, std::string memory,
                                 std::function<void(Result<PolicyAnswer>)> done) {
  supervisor_->compute_async("decide", deciding(policy_, std::move(snapshot), std::move(memory)),
                             std::move(done));
}

PluginStatus RunningPolicy::status() const { return supervisor_->status(); }

}  // namespace grid
