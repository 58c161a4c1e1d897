// Nothing is wrong with this one; the build may give it a wrong name, a hole or a bad beginning.
#include "grid/sdk/policy.hpp"
#include "misbehave.hpp"

#ifdef ZOO_MISSING_SYMBOL
void defined_nowhere();
#endif

namespace {

class Good final : public grid::Policy {
 public:
  explicit Good(grid::Host&) {
#if defined(ZOO_MAKE_THROWS)
    throw std::runtime_error("thrown on purpose");
#elif defined(ZOO_MAKE_HANGS)
    zoo::hang();
#elif defined(ZOO_MISSING_SYMBOL)
    defined_nowhere();
#endif
  }
  [[nodiscard]] grid::Result<grid::PolicyAnswer> decide(const grid::Snapshot&,
                                                        std::string_view) const override {
    grid::PolicyAnswer answer;
    answer.decision.reasons = {{"good", "as it should be"}};
    return answer;
  }
};

constexpr grid::OptionSpec options[] = {
    {.name = "share",
     .type = grid::OptionType::number,
#ifdef ZOO_BAD_DEFAULT
     .default_text = "much",
#else
     .default_text = "0.85",
#endif
     .doc = "A share.",
     .unit = "fraction",
     .minimum = 0,
     .maximum = 1},
    {.name = "mode",
     .type = grid::OptionType::choice,
     .default_text = "slow",
     .doc = "A mode.",
     .choices = "slow|fast"},
};

#ifdef ZOO_INIT_HANGS
const bool begun = [] { return zoo::hang(), true; }();
#endif

}  // namespace

GRID_PLUGIN(policy, good, "1.2.3", "As it should be.", Good, options, "share: 0.5\n")
