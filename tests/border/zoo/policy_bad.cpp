// Misbehaves in the call that its options name.
#include "grid/sdk/policy.hpp"
#include "misbehave.hpp"

namespace {

class Bad final : public grid::Policy {
 public:
  explicit Bad(grid::Host& host) : host_(host) {}
  ~Bad() override { deeds_.at("destroy"); }
  grid::Result<> configure(const grid::Options& options) override {
    deeds_.configure(options);
    deeds_.at("configure");
    return {};
  }
  grid::Result<> start() override {
    host_.log(grid::LogLevel::info, "started");
    deeds_.at("start");
    host_.post([this] { deeds_.at("callback"); });
    return {};
  }
  void stop() noexcept override { deeds_.at("stop"); }
  [[nodiscard]] grid::Result<grid::PolicyAnswer> decide(const grid::Snapshot& snapshot,
                                                        std::string_view memory) const override {
    deeds_.at("decide");
    grid::PolicyAnswer answer;
    answer.memory = std::string(memory) + std::to_string(snapshot.version);
    answer.decision.reasons = {{"zoo", "nothing went wrong"}};
    return answer;
  }

 private:
  grid::Host& host_;
  zoo::Deeds deeds_;
};

}  // namespace

GRID_PLUGIN(policy, bad, "1.0.0", "Misbehaves on request.", Bad, zoo::options, "deed: throws\nin: decide\n")
