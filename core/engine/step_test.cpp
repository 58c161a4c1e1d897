// The engine against a made-up world: seeded schedules in which effects are carried out late, twice, out of
// order or not at all because the daemon died. GRID_SEED replays one schedule; GRID_SCHEDULES sets how many
// are run.
#include "core/engine/step.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <string>

namespace grid {
namespace {

ProcessId process(int pid) { return {pid, static_cast<std::uint64_t>(1000 + pid)}; }
Ending code(int value) {
  Ending ending;
  ending.code = value;
  return ending;
}

// What really is: the processes behind the attempts, which no restart of the daemon changes.
struct World {
  enum class Tree { none, running, stopped, gone };
  Tree tree = Tree::none;
  bool guard_armed = false;
  bool start_gate_passed = false;  // of attempt 2 / the run
  bool gate_shut = false;
  bool task_running = false;
  std::optional<Ending> task_ended;
  bool files_home = false;
  bool tree_killed_by_us = false;
  bool handed_back = false;            // a person continued the tree
  std::map<EffectKind, bool> refused;  // an effect that is carried out twice has one outcome
};

class Schedule {
 public:
  explicit Schedule(std::uint64_t seed) : random_(seed) {}

  void run() {
    const bool moving = chance(60);
    if (moving) {
      Move move;
      move.target = "w1";
      move.original = pick<Original>({Original::pause, Original::pause, Original::stop, Original::keep});
      if (move.original != Original::keep) {
        move.members = {process(1), process(2)};
        world_.tree = World::Tree::running;
      }
      take(begin_move({7, 0}, std::move(move), "head", now_));
    } else {
      x_.id = {7, 0};
      apply(event::Placed{"w1", "7.1"});
    }
    for (int i = 0; i < 60 && !settled(); ++i) {
      ++now_;
      turn();
      check();
    }
    drain();
    check();
    finish();
  }

 private:
  bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
  template <class T>
  T pick(std::vector<T> from) {
    return from[random_() % from.size()];
  }

  // One thing happens: an effect is carried out, an event arrives (perhaps twice), the world moves, or the
  // daemon dies.
  void turn() {
    switch (random_() % 10) {
      case 0:
      case 1:
      case 2:
        return carry_out();
      case 3:
      case 4:
      case 5:
        return deliver();
      case 6:
        return go_on();
      case 7:
        if (chance(30)) apply(event::CancelRequested{});
        return;
      case 8:
        if (chance(40)) die();
        return;
      case 9:
        if (chance(25)) meddle();
        return;
    }
  }

  void carry_out() {
    if (effects_.empty()) return;
    const Effect effect = effects_.front();
    effects_.pop_front();
    carry_out(effect);
    if (chance(10)) carry_out(effect);  // idempotent
  }

  void carry_out(const Effect& effect) {
    const bool tree_there = world_.tree == World::Tree::running || world_.tree == World::Tree::stopped;
    switch (effect.kind) {
      case EffectKind::preflight:
        return refused(effect.kind) ? send(event::Refused{"no program"}) : send(event::PreflightPassed{});
      case EffectKind::stage:
        return refused(effect.kind) ? send(event::Refused{"too large"}) : send(event::Staged{"7.2"});
      case EffectKind::pause:
        if (!tree_there) return send(event::OriginalEnded{});
        if (refused(effect.kind)) return send(event::Refused{"cannot be stopped"});
        world_.guard_armed = true;
        world_.tree = World::Tree::stopped;
        return send(event::Paused{{process(1), process(2)}});
      case EffectKind::start:
        world_.guard_armed = false;
        if (world_.gate_shut || (!world_.start_gate_passed && chance(15))) {
          world_.gate_shut = true;
          return send(event::StartRefused{effect.attempt, "disk full"});
        }
        if (world_.start_gate_passed) return;
        ASSERT_FALSE(world_.gate_shut);
        world_.start_gate_passed = world_.task_running = true;
        return send(event::Started{effect.attempt, process(50)});
      case EffectKind::attach:
        if (!world_.start_gate_passed) {
          world_.gate_shut = true;
          return send(event::StartRefused{effect.attempt, "never started"});
        }
        send(event::Started{effect.attempt, process(50)});
        if (world_.task_ended) send(event::Ended{effect.attempt, *world_.task_ended});
        return;
      case EffectKind::cancel:
        if (!world_.task_running) return;
        end_task(15, true);
        return;
      case EffectKind::collect:
        if (chance(20)) return send(event::Collected{"files_not_home: disk full"});
        world_.files_home = true;
        return send(event::Collected{""});
      case EffectKind::end_tree:
        if (tree_there) {
          world_.tree = World::Tree::gone;
          world_.tree_killed_by_us = true;
        }
        return send(event::OriginalEnded{});
      case EffectKind::resume:
        if (!tree_there) return send(event::OriginalEnded{});
        world_.tree = World::Tree::running;
        return send(event::OriginalResumed{});
      case EffectKind::watch:
        watched_ = true;
        return;
      case EffectKind::forget:
        return;
    }
  }

  bool refused(EffectKind kind) { return world_.refused.try_emplace(kind, chance(15)).first->second; }

  void end_task(int how, bool signal) {
    world_.task_running = false;
    Ending ending;
    if (signal)
      ending.signal = how;
    else
      ending.code = how;
    world_.task_ended = ending;
    const std::uint32_t attempt = run_attempt();
    send(chance(5) ? Event(event::Lost{attempt, "shim_lost"}) : Event(event::Ended{attempt, ending}));
  }

  std::uint32_t run_attempt() {
    for (const Attempt& a : x_.attempts)
      if (a.kind == AttemptKind::run) return a.number;
    return 1;
  }

  void go_on() {
    if (world_.task_running && chance(50)) return end_task(chance(60) ? 0 : 3, false);
    if (world_.tree == World::Tree::running && chance(10)) world_.tree = World::Tree::gone;
    look();
  }

  void look() {
    if (!watched_ || !x_.move) return;
    if (world_.tree == World::Tree::gone) send(event::OriginalEnded{});
    if (world_.tree == World::Tree::running && world_.handed_back) send(event::OriginalContinued{});
  }

  // Somebody's hand: a stopped tree is continued or dies of a hang-up; an old or foreign event arrives.
  void meddle() {
    if (world_.tree == World::Tree::stopped && x_.move && x_.move->phase >= MovePhase::starting) {
      if (chance(50)) {
        world_.tree = World::Tree::gone;
      } else {
        world_.tree = World::Tree::running;
        world_.handed_back = true;
      }
    }
    send(event::Ended{static_cast<std::uint32_t>(1 + random_() % 4), code(0)});
    if (chance(50)) pop_last();  // … but a made-up ending of the live attempt would be a lie of the transport
    look();
  }
  void pop_last() { inbox_.pop_back(); }

  // kill -9 of the daemon: effects and events under way are gone, the guard acts, a new daemon takes over.
  void die() {
    effects_.clear();
    inbox_.clear();
    watched_ = false;
    if (world_.guard_armed && world_.tree == World::Tree::stopped) world_.tree = World::Tree::running;
    world_.guard_armed = false;
    apply(event::Restarted{});
  }

  void send(Event event) {
    inbox_.push_back(event);
    if (chance(10)) inbox_.push_back(std::move(event));
  }

  void deliver() {
    if (inbox_.empty()) return;
    const std::size_t at = random_() % inbox_.size();
    const Event event = inbox_[at];
    inbox_.erase(inbox_.begin() + static_cast<std::ptrdiff_t>(at));
    // A lie is not delivered: an ending of an attempt whose task runs, or ended in another way.
    if (const auto* ended = std::get_if<event::Ended>(&event))
      if (ended->attempt == run_attempt() &&
          (!world_.task_ended || world_.task_ended->code != ended->ending.code))
        return;
    apply(event);
  }

  void apply(const Event& event) { take(step(x_, event, now_)); }

  void take(Step done) {
    const bool was_terminal = terminal(x_.state);
    if (was_terminal) {
      EXPECT_FALSE(done.changed) << "a terminal execution changed";
      EXPECT_TRUE(done.effects.empty()) << "a terminal execution asks for something";
    }
    for (std::size_t i = 0; i < x_.attempts.size(); ++i) {
      ASSERT_LT(i, done.next.attempts.size()) << "an attempt vanished";
      if (terminal(x_.attempts[i].state)) {
        EXPECT_EQ(done.next.attempts[i].state, x_.attempts[i].state) << "a terminal attempt changed";
      }
    }
    x_ = std::move(done.next);
    for (const Effect& effect : done.effects) effects_.push_back(effect);
  }

  void check() {
    std::size_t live_attempts = 0;
    for (const Attempt& a : x_.attempts) live_attempts += live(a.state) ? 1 : 0;
    EXPECT_LE(live_attempts, 1U);
    if (world_.tree_killed_by_us && x_.move && x_.move->original == Original::pause) {
      EXPECT_TRUE(world_.files_home && world_.task_ended && world_.task_ended->code == 0)
          << "the original was ended for nothing";
    }
    // Two copies run at once only where a person continued the original.
    if (world_.task_running && world_.tree == World::Tree::running && x_.move &&
        x_.move->original == Original::pause) {
      EXPECT_TRUE(world_.handed_back);
    }
  }

  bool settled() const {
    return terminal(x_.state) && effects_.empty() && inbox_.empty() && !world_.task_running;
  }

  // Everything under way comes to its end, without further mischief.
  void drain() {
    for (int i = 0; i < 200 && !settled(); ++i) {
      ++now_;
      while (!effects_.empty()) {
        const Effect effect = effects_.front();
        effects_.pop_front();
        carry_out(effect);
      }
      while (!inbox_.empty()) deliver();
      // What is to be cancelled does not end by itself: somebody must have been told.
      if (world_.task_running && !x_.cancel_requested && !(x_.move && x_.move->continued_by_hand))
        end_task(0, false);
      if (x_.move && x_.move->phase == MovePhase::done && !terminal(x_.state))
        world_.tree = World::Tree::gone;
      look();
    }
  }

  void finish() {
    EXPECT_TRUE(terminal(x_.state)) << "stuck in " << to_string(x_.state)
                                    << (x_.move ? std::string(" ") + std::string(to_string(x_.move->phase))
                                                : "");
    EXPECT_NE(world_.tree, World::Tree::stopped) << "a tree was left stopped";
    EXPECT_FALSE(world_.task_running);
    for (const Attempt& a : x_.attempts)
      EXPECT_TRUE(terminal(a.state)) << "attempt " << a.number << " is " << to_string(a.state);
    if (x_.state == ExecutionState::completed && x_.move && x_.move->original == Original::pause) {
      EXPECT_EQ(world_.tree, World::Tree::gone);
      EXPECT_TRUE(world_.files_home);
    }
  }

  std::mt19937_64 random_;
  World world_;
  Execution x_;
  std::deque<Effect> effects_;
  std::deque<Event> inbox_;
  bool watched_ = false;
  std::int64_t now_ = 1;
};

TEST(Step, SeededSchedulesKeepThePromises) {
  const char* one = std::getenv("GRID_SEED");
  const char* many = std::getenv("GRID_SCHEDULES");
  const std::uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const std::uint64_t count = one != nullptr    ? 1
                              : many != nullptr ? std::strtoull(many, nullptr, 10)
                                                : 100'000;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Schedule(seed).run();
    ASSERT_FALSE(testing::Test::HasFailure()) << "replay with GRID_SEED=" << seed;
  }
}

Execution placed() {
  Execution x;
  x.id = {1, 0};
  return step(x, event::Placed{"w1", "1.1"}, 5).next;
}

TEST(Step, ARunGoesFromQueuedToItsCode) {
  Execution x = placed();
  EXPECT_EQ(x.state, ExecutionState::queued);
  x = step(x, event::Started{1, process(4)}, 6).next;
  EXPECT_EQ(x.state, ExecutionState::running);
  x = step(x, event::Ended{1, code(7)}, 7).next;
  EXPECT_EQ(x.state, ExecutionState::failed);
  EXPECT_EQ(x.reason, "exit code 7");
  EXPECT_EQ(x.attempts.back().ending->code, 7);
}

TEST(Step, ExitCode137AndSigkillAreToldApart) {
  Ending killed;
  killed.signal = 9;
  EXPECT_EQ(describe(killed), "ended by signal 9 (Killed)");
  EXPECT_EQ(describe(code(137)), "exit code 137");
}

TEST(Step, ALateResultOfAnOlderAttemptNeverWins) {
  Execution x = step(placed(), event::Started{1, process(4)}, 6).next;
  const Step late = step(x, event::Ended{2, code(0)}, 7);
  EXPECT_FALSE(late.changed);
}

TEST(Step, ACancelBeforeAnythingStartedEndsAtOnce) {
  Execution x;
  const Step done = step(x, event::CancelRequested{}, 5);
  EXPECT_EQ(done.next.state, ExecutionState::cancelled);
  EXPECT_TRUE(done.effects.empty());
}

Execution suspended() {
  Move move;
  move.target = "w1";
  move.members = {process(1)};
  Execution x = begin_move({1, 0}, move, "head", 1).next;
  for (const Event& event : std::vector<Event>{event::PreflightPassed{}, event::Staged{"1.2"},
                                               event::Paused{{process(1)}}, event::Started{2, process(9)}})
    x = step(x, event, 2).next;
  return x;
}

TEST(Step, AMoveThatFailsResumesTheOriginalAsAttemptThree) {
  Execution x = suspended();
  EXPECT_EQ(x.attempts[0].state, AttemptState::suspended);
  Step failed = step(x, event::Ended{2, code(3)}, 3);
  ASSERT_EQ(failed.effects.size(), 1U);
  EXPECT_EQ(failed.effects[0].kind, EffectKind::resume);
  x = step(failed.next, event::OriginalResumed{}, 4).next;
  ASSERT_EQ(x.attempts.size(), 3U);
  EXPECT_EQ(x.attempts[2].kind, AttemptKind::resumed);
  EXPECT_EQ(x.attempts[2].state, AttemptState::running);
  x = step(x, event::OriginalEnded{}, 5).next;
  EXPECT_EQ(x.state, ExecutionState::aborted);
  EXPECT_TRUE(x.reason.starts_with("result_unknown"));
}

TEST(Step, FilesThatCannotComeHomeResumeTheOriginal) {
  Execution x = step(suspended(), event::Ended{2, code(0)}, 3).next;
  const Step failed = step(x, event::Collected{"files_not_home: disk full"}, 4);
  ASSERT_EQ(failed.effects.size(), 1U);
  EXPECT_EQ(failed.effects[0].kind, EffectKind::resume);
}

TEST(Step, AnOriginalContinuedByHandCancelsItsCopy) {
  const Step continued = step(suspended(), event::OriginalContinued{}, 3);
  ASSERT_EQ(continued.effects.size(), 1U);
  EXPECT_EQ(continued.effects[0].kind, EffectKind::cancel);
  // Even if the copy had just ended well, the original runs again and is not killed.
  const Step ended = step(continued.next, event::Ended{2, code(0)}, 4);
  ASSERT_EQ(ended.effects.size(), 1U);
  EXPECT_EQ(ended.effects[0].kind, EffectKind::resume);
}

TEST(Step, AnOriginalContinuedWhileItsFilesComeHomeIsNotEnded) {
  Execution x = step(suspended(), event::Ended{2, code(0)}, 3).next;
  const Step continued = step(x, event::OriginalContinued{}, 4);
  EXPECT_TRUE(continued.effects.empty());
  const Step collected = step(continued.next, event::Collected{""}, 5);
  ASSERT_EQ(collected.effects.size(), 1U);
  EXPECT_EQ(collected.effects[0].kind, EffectKind::resume);
}

TEST(Step, AnOriginalThatEndsBeforeItWasSuspendedIsUnknown) {
  Move move;
  move.members = {process(1)};
  const Execution x = begin_move({1, 0}, move, "head", 1).next;
  const Step ended = step(x, event::OriginalEnded{}, 2);
  EXPECT_EQ(ended.next.state, ExecutionState::aborted);
  EXPECT_TRUE(ended.next.reason.starts_with("result_unknown"));
}

TEST(Step, WorkThatNoNodeWillEverTakeEnds) {
  Execution queued;
  const Step refused = step(queued, event::Refused{"another host answers"}, 1);
  EXPECT_EQ(refused.next.state, ExecutionState::aborted);
  EXPECT_EQ(refused.next.reason, "another host answers");
  const Step placed = step(queued, event::Placed{"w1", "7.1"}, 1);
  const Step late = step(placed.next, event::Refused{"too late"}, 2);
  EXPECT_FALSE(late.changed);
}

TEST(Step, AnEndMaySayMoreThanItsCode) {
  Execution queued;
  const Step placed = step(queued, event::Placed{"w1", "7.1"}, 1);
  Ending absent;
  absent.error = 2;
  const Step ended = step(placed.next, event::Ended{1, absent, "w1 has no npm"}, 2);
  EXPECT_EQ(ended.next.state, ExecutionState::failed);
  EXPECT_EQ(ended.next.reason, "w1 has no npm");
  EXPECT_EQ(ended.next.attempts.back().reason, "w1 has no npm");
}

}  // namespace
}  // namespace grid
