// What a plugin throws becomes a named fault; what hangs is set aside at its deadline, and never asked again.
#include "zoo.hpp"

namespace grid {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr milliseconds short_deadline{200};

const auto snapshot = std::make_shared<const Snapshot>(Snapshot{.version = 7});
const auto reading = std::make_shared<const Reading>();

std::size_t threads() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}));
}

class Fence : public BorderTest {
 protected:
  template <class T>
  static void expect_thrown(const Result<T>& result, const std::string& plugin, const std::string& call) {
    ASSERT_FALSE(result) << call;
    EXPECT_EQ(result.error().code, Code::plugin_fault);
    EXPECT_EQ(result.error().origin, plugin);
    EXPECT_THAT(result.error().message,
                AllOf(HasSubstr(plugin + " threw in " + call), HasSubstr("thrown on purpose")));
  }
  template <class T>
  static void expect_overrun(const Result<T>& result, const std::string& plugin, const std::string& call) {
    ASSERT_FALSE(result) << call;
    EXPECT_EQ(result.error().code, Code::plugin_fault);
    EXPECT_THAT(result.error().message, AllOf(HasSubstr(plugin), HasSubstr(call), HasSubstr("200 ms")));
  }
};

TEST_F(Fence, ThrowingInMakeConfigureAndStart) {
  expect_thrown(zoo("make_throws")->policy("good"), "policy.good", "make");
  for (const char* call : {"configure", "start"})
    expect_thrown(zoo("deeds")->policy("bad", deed("throws", call)), "policy.bad", call);
}

TEST_F(Fence, ThrowingInEachCallThatComputes) {
  const auto own = zoo("deeds");
  const auto policy = own->policy("bad", deed("throws", "decide")).value();
  expect_thrown(policy->decide(snapshot, ""), "policy.bad", "decide");
  const auto needs = own->metrics_source("bad", deed("throws", "needs")).value();
  expect_thrown(needs->needs(), "metrics.bad", "needs");
  const auto source = own->metrics_source("bad", deed("throws", "sample")).value();
  expect_thrown(source->sample(reading, nullptr), "metrics.bad", "sample");
  const auto renderer = own->renderer("bad", deed("throws", "render")).value();
  expect_thrown(renderer->render({}), "renderer.bad", "render");
  EXPECT_EQ(policy->status().state, PluginState::ok) << "a throw is answered, not punished";
  EXPECT_EQ(policy->status().counters.failures, 1U);
}

TEST_F(Fence, ThrowingSomethingElseThanAnException) {
  const auto policy = zoo("deeds")->policy("bad", deed("throws_a_number", "decide")).value();
  const auto answer = policy->decide(snapshot, "");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("unknown type"));
}

TEST_F(Fence, ThrowingInACallbackIsLogged) {
  const auto policy = zoo("deeds")->policy("bad", deed("throws", "callback")).value();
  ASSERT_TRUE(host_.run_until([&] { return host_.logged.size() >= 2; }));
  EXPECT_THAT(host_.logged, Contains("policy.bad: started"));
  EXPECT_THAT(host_.logged, Contains(HasSubstr("policy.bad threw in callback: thrown on purpose")));
}

TEST_F(Fence, HangingInMakeAndConfigure) {
  expect_overrun(zoo("make_hangs", short_deadline)->policy("good"), "policy.good", "make");
  const auto own = zoo("deeds", short_deadline);
  expect_overrun(own->policy("bad", deed("hangs", "configure")), "policy.bad", "configure");
  const auto again = own->policy("bad");
  ASSERT_FALSE(again) << "a faulted plugin makes no more instances";
  EXPECT_EQ(again.error().code, Code::plugin_fault);
}

TEST_F(Fence, HangingInEachCallThatComputes) {
  const auto own = zoo("deeds", short_deadline);
  const auto policy = own->policy("bad", deed("hangs", "decide")).value();
  expect_overrun(policy->decide(snapshot, ""), "policy.bad", "decide");
  const auto source = own->metrics_source("bad", deed("hangs", "sample")).value();
  expect_overrun(source->sample(reading, nullptr), "metrics.bad", "sample");
  const auto renderer = own->renderer("bad", deed("hangs", "render")).value();
  expect_overrun(renderer->render({}), "renderer.bad", "render");
  const auto states = own->states();
  ASSERT_EQ(states.size(), 3U);
  for (const auto& state : states) {
    EXPECT_EQ(state.state, PluginState::faulted) << state.name;
    EXPECT_THAT(state.reason, HasSubstr("set aside"));
  }
}

TEST_F(Fence, HangingInNeeds) {
  const auto source = zoo("deeds", short_deadline)->metrics_source("bad", deed("hangs", "needs")).value();
  expect_overrun(source->needs(), "metrics.bad", "needs");
}

TEST_F(Fence, FaultedPluginIsAnsweredAtOnce) {
  const auto policy = zoo("deeds", short_deadline)->policy("bad", deed("hangs", "decide")).value();
  ASSERT_FALSE(policy->decide(snapshot, ""));
  const std::size_t before = threads();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(policy->decide(snapshot, "").error().code, Code::plugin_fault);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, short_deadline);
  EXPECT_EQ(threads(), before);
}

TEST_F(Fence, ReturningLateDoesNoHarm) {
  const std::string until = (temp_.path() / "go").string();
  std::weak_ptr<const Snapshot> held;
  {
    const auto own = zoo("deeds", short_deadline);
    const auto policy = own->policy("bad", deed("hangs", "decide", {{"until", until}})).value();
    auto mine = std::make_shared<const Snapshot>();
    held = mine;
    ASSERT_FALSE(policy->decide(std::move(mine), ""));
    EXPECT_FALSE(held.expired()) << "the abandoned thread still uses it";
  }
  const std::size_t before = threads();
  std::ofstream(until) << "now";
  EXPECT_TRUE(host_.run_until([&] { return held.expired() && threads() < before; }));
}

TEST_F(Fence, AsynchronousCallsAnswerOnTheLoopOnceAndInOrder) {
  const auto own = zoo("deeds");
  const auto policy = own->policy("bad").value();
  const auto source = own->metrics_source("bad").value();
  std::vector<std::string> answers;
  const auto loop = std::this_thread::get_id();
  for (const char* memory : {"a", "b", "c"})
    policy->decide_async(snapshot, memory, [&](Result<PolicyAnswer> answer) {
      EXPECT_EQ(std::this_thread::get_id(), loop);
      answers.push_back(answer.value().memory);
    });
  bool sampled = false;
  source->sample_async(reading, nullptr, [&](Result<Sample> sample) { sampled = sample.has_value(); });
  EXPECT_TRUE(answers.empty());
  ASSERT_TRUE(host_.run_until([&] { return answers.size() == 3 && sampled; }));
  EXPECT_EQ(answers, (std::vector<std::string>{"a7", "b7", "c7"}));
}

TEST_F(Fence, AsynchronousCallsThatHangAnswerAtTheDeadlineAndTheOnesBehindThemToo) {
  const auto own = zoo("deeds", short_deadline);
  const auto policy = own->policy("bad", deed("hangs", "decide")).value();
  int faults = 0;
  const auto note = [&](const Result<PolicyAnswer>& answer) {
    if (!answer && answer.error().code == Code::plugin_fault) ++faults;
  };
  policy->decide_async(snapshot, "", note);
  policy->decide_async(snapshot, "", note);
  ASSERT_TRUE(host_.run_until([&] { return faults == 2; }));
  policy->decide_async(snapshot, "", note);
  EXPECT_EQ(faults, 2) << "never from inside the call";
  ASSERT_TRUE(host_.run_until([&] { return faults == 3; }));
  EXPECT_EQ(policy->status().state, PluginState::faulted);
}

TEST_F(Fence, AsynchronousCallsThatThrow) {
  const auto policy = zoo("deeds")->policy("bad", deed("throws", "decide")).value();
  bool answered = false;
  policy->decide_async(snapshot, "", [&](const Result<PolicyAnswer>& answer) {
    expect_thrown(answer, "policy.bad", "decide");
    answered = true;
  });
  ASSERT_TRUE(host_.run_until([&] { return answered; }));
}

TEST_F(Fence, InstanceMayGoWhileItsCallIsInFlight) {
  const std::string until = (temp_.path() / "go").string();
  const std::string begun = (temp_.path() / "begun").string();
  bool answered = false;
  {
    auto policy =
        zoo("deeds")->policy("bad", deed("hangs", "decide", {{"until", until}, {"begun", begun}})).value();
    policy->decide_async(snapshot, "",
                         [&](const Result<PolicyAnswer>& answer) { answered = answer.has_value(); });
    ASSERT_TRUE(host_.run_until([&] { return std::filesystem::exists(begun); }));
    std::ofstream(until) << "now";
  }
  EXPECT_TRUE(host_.run_until([&] { return answered; }));
}

TEST_F(Fence, OneRendererStartsOneThread) {
  const std::size_t before = threads();
  const auto own = zoo("deeds");
  (void)own->list();
  EXPECT_EQ(threads(), before);
  const auto renderer = own->renderer("bad").value();
  EXPECT_EQ(renderer->render({.json = "{}"}).value(), "{}\n");
  EXPECT_EQ(threads(), before + 1);
}

TEST_F(Fence, CountersAddUp) {
  const auto renderer = zoo("deeds")->renderer("bad").value();
  const auto before = renderer->status().counters;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(renderer->render({.json = "{}"}));
  const auto after = renderer->status().counters;
  EXPECT_EQ(after.calls - before.calls, 5U);
  EXPECT_EQ(after.failures, before.failures);
  EXPECT_GE(after.total, before.total);
}

}  // namespace
}  // namespace grid
