// The book of executions on a real store and a real loop, with a store that at times takes no changes.
#include "core/daemon/ledger.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>

#include <boost/asio/io_context.hpp>

#include "core/loop/loop_host.hpp"

namespace grid {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() {
    std::string pattern = (fs::temp_directory_path() / "grid-ledger-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    open();
  }
  ~LedgerTest() override {
    ledger_.reset();
    fs::remove_all(folder_);
  }
  void open() {
    ledger_.reset();
    auto store = Store::open(folder_ / "grid.db");
    if (!store) throw std::runtime_error(store.error().message);
    ledger_ = std::make_unique<Ledger>(std::move(*store), host_);
    ledger_->on_effects(
        [this](const ExecutionId& id, const Effect& effect) {
          effects_.push_back(effect.kind);
          // What an effect begins was committed before.
          const auto stored = stored_executions(id.task);
          stored_state_ = stored.at(id.element).attempts.empty() ? AttemptState::placing
                                                                 : stored[id.element].attempts.back().state;
        },
        [] {});
  }
  // As another process sees it.
  std::vector<Execution> stored_executions(std::int64_t task) {
    auto reader = Store::open_read_only(folder_ / "grid.db");
    return reader ? reader->executions(task).value_or(std::vector<Execution>{}) : std::vector<Execution>{};
  }
  std::int64_t accept(std::uint32_t elements = 1) {
    TaskRecord record;
    record.task.argv = {"true"};
    if (elements > 1) record.array = elements;
    std::vector<Execution> list(elements);
    for (std::uint32_t i = 0; i < elements; ++i) list[i].id.element = i;
    const auto id = ledger_->accept(std::move(record), std::move(list));
    EXPECT_TRUE(id) << id.error().message;
    return id.value_or(0);
  }
  // Runs the loop until the condition holds.
  template <class Condition>
  bool eventually(Condition condition, std::chrono::milliseconds most = 8s) {
    bool held = false;
    std::unique_ptr<Host::Handle> timer;
    const auto end = std::chrono::steady_clock::now() + most;
    std::function<void()> look = [&] {
      held = condition();
      if (held || std::chrono::steady_clock::now() > end) return host_.context().stop();
      timer = host_.after(2ms, look);
    };
    look();
    if (!held) {
      host_.context().restart();
      host_.run();
      host_.context().restart();
    }
    return held;
  }
  static Ending code(int value) {
    Ending ending;
    ending.code = value;
    return ending;
  }

  fs::path folder_;
  LoopHost host_;
  std::unique_ptr<Ledger> ledger_;
  std::vector<EffectKind> effects_;
  std::optional<AttemptState> stored_state_;
};

TEST_F(LedgerTest, WhatIsAcceptedIsCommittedAndEffectsFollowTheCommit) {
  const std::int64_t id = accept();
  EXPECT_EQ(stored_executions(id).size(), 1U);
  ledger_->apply({id, 0}, event::Placed{"w1", "1.1"});
  EXPECT_TRUE(effects_.empty());
  EXPECT_TRUE(stored_executions(id)[0].attempts.empty());  // grouped: not yet
  ASSERT_TRUE(eventually([&] { return !effects_.empty(); }));
  EXPECT_EQ(effects_, std::vector<EffectKind>{EffectKind::start});
  EXPECT_EQ(stored_state_, AttemptState::starting);
}

TEST_F(LedgerTest, ManyChangesOfOneTurnAreOneTransaction) {
  const std::int64_t id = accept(500);
  for (std::uint32_t i = 0; i < 500; ++i) ledger_->apply({id, i}, event::Placed{"w1", "1.b0.1"});
  ASSERT_TRUE(eventually([&] { return effects_.size() == 500; }));
  for (std::uint32_t i = 0; i < 500; ++i) ledger_->apply({id, i}, event::Ended{1, code(i == 3 ? 1 : 0)});
  bool told = false;
  ledger_->when_finished(id, std::nullopt, [&] { told = true; });
  ASSERT_TRUE(eventually([&] { return told; }));
  EXPECT_EQ(ledger_->active(id), nullptr);  // finished ones are not kept in memory
  EXPECT_EQ(ledger_->counts().by_state[static_cast<std::size_t>(ExecutionState::completed)], 499);
  EXPECT_EQ(ledger_->counts().by_state[static_cast<std::size_t>(ExecutionState::failed)], 1);
  const auto counts = ledger_->store().counts(id).value();
  EXPECT_EQ(counts.by_state, ledger_->counts().by_state);
}

TEST_F(LedgerTest, AFailedCommitDegradesLosesNothingAndRecovers) {
  const std::int64_t id = accept();
  bool fails = true;  // as a full disk would, in the middle of the transaction
  ledger_->write([&](Store&) -> Result<> {
    if (fails) return fail(Code::storage_failed, "database or disk is full");
    return {};
  });
  ledger_->apply({id, 0}, event::Placed{"w1", "1.1"});
  ASSERT_TRUE(eventually([&] { return !ledger_->degraded().empty(); }));
  EXPECT_TRUE(effects_.empty());
  EXPECT_TRUE(stored_executions(id)[0].attempts.empty());
  TaskRecord more;
  more.task.argv = {"true"};
  EXPECT_EQ(ledger_->accept(more, {Execution{}}).error().code, Code::storage_failed);
  ledger_->note("kept", "", "told while degraded");
  fails = false;
  ASSERT_TRUE(eventually([&] { return ledger_->degraded().empty(); }));
  EXPECT_EQ(effects_, std::vector<EffectKind>{EffectKind::start});
  EXPECT_EQ(stored_executions(id)[0].attempts.at(0).state, AttemptState::starting);
  const auto events = ledger_->store().events(0, 100, "").value();
  EXPECT_TRUE(
      std::any_of(events.begin(), events.end(), [](const EventRecord& e) { return e.kind == "kept"; }));
}

TEST_F(LedgerTest, WhatTheSchemaRefusesDoesNotStopTheRest) {
  const std::int64_t id = accept();
  const RunRecord run{"1.1", id, "w1", "nonce"};
  ledger_->write([run](Store& store) { return store.add_run(run); });
  ledger_->write([run](Store& store) { return store.add_run(run); });  // a defect somewhere: twice
  ledger_->apply({id, 0}, event::Placed{"w1", "1.1"});
  ASSERT_TRUE(eventually([&] { return !effects_.empty(); }));
  EXPECT_EQ(ledger_->degraded(), "");
  EXPECT_EQ(ledger_->store().runs().value().size(), 1U);
}

TEST_F(LedgerTest, TheNextDaemonFindsWhatIsUnfinished) {
  const std::int64_t first = accept();
  const std::int64_t second = accept();
  ledger_->apply({first, 0}, event::Placed{"w1", "1.1"});
  ledger_->apply({second, 0}, event::CancelRequested{});
  ASSERT_TRUE(eventually([&] { return !effects_.empty(); }));
  effects_.clear();
  open();
  ASSERT_TRUE(ledger_->load());
  ASSERT_NE(ledger_->active(first), nullptr);
  EXPECT_EQ(ledger_->active(second), nullptr);
  ledger_->apply({first, 0}, event::Restarted{});
  ASSERT_TRUE(eventually([&] { return !effects_.empty(); }));
  EXPECT_EQ(effects_, std::vector<EffectKind>{EffectKind::attach});
  EXPECT_EQ(accept(), second + 1);  // numbers go on
}

TEST_F(LedgerTest, WaitersAreToldOnceAndMayStopWaiting) {
  const std::int64_t id = accept(2);
  int one = 0;
  int never = 0;
  ledger_->when_finished(id, 1, [&] { ++one; });
  const auto token = ledger_->when_finished(id, 1, [&] { ++never; });
  ledger_->wait_no_more(id, token);
  ledger_->wait_no_more(id, token);
  ledger_->apply({id, 1}, event::CancelRequested{});
  ASSERT_TRUE(eventually([&] { return one == 1; }));
  EXPECT_EQ(never, 0);
  EXPECT_NE(ledger_->active(id), nullptr);  // element 0 still waits
  int late = 0;
  ledger_->when_finished(id, 1, [&] { ++late; });
  ASSERT_TRUE(eventually([&] { return late == 1; }));
  EXPECT_EQ(one, 1);
}

}  // namespace
}  // namespace grid
