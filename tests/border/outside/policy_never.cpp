// The smallest plugin: a policy that never moves anything, and says why.
#include <grid/sdk/policy.hpp>

namespace {

constexpr grid::OptionSpec options[] = {
    {"reason", grid::OptionType::text, "this policy never moves anything", "What to tell people."},
};

class Never final : public grid::Policy {
 public:
  explicit Never(grid::Host&) {}

  grid::Result<> configure(const grid::Options& given) override {
    reason_ = given.text("reason");
    return {};
  }

  grid::Result<grid::PolicyAnswer> decide(const grid::Snapshot& snapshot, std::string_view) const override {
    grid::PolicyAnswer answer;
    answer.decision.policy = "never";
    answer.decision.reasons = {{"never", reason_}};
    for (const grid::Node& node : snapshot.nodes)
      answer.decision.refused_nodes.push_back({node.name, "never"});
    return answer;
  }

 private:
  std::string reason_;
};

}  // namespace

GRID_PLUGIN(policy, never, "1.0.0", "Never moves anything.", Never, options, "reason: not today\n")
