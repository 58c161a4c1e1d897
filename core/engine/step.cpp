#include "core/engine/step.hpp"

#include <utility>

namespace grid {
namespace {

// One application of step(): the execution at work, and what came of it.
class Stepper {
 public:
  Stepper(Execution execution, std::int64_t now_ms)
      : step_{std::move(execution), {}, false}, now_ms_(now_ms) {}

  Step finish() && { return std::move(step_); }

  void on(const event::Placed& e) {
    if (x().state != ExecutionState::queued || !x().attempts.empty()) return;
    add_attempt(AttemptKind::run, AttemptState::starting, e.node, e.run);
    x().reason.clear();
    emit(EffectKind::start);
  }

  void on(const event::Started& e) {
    Attempt* attempt = current(e.attempt);
    if (attempt == nullptr || attempt->state != AttemptState::starting) return;
    attempt->state = AttemptState::running;
    attempt->process = e.process;
    attempt->started_ms = now_ms_;
    if (x().state == ExecutionState::queued) {
      x().state = ExecutionState::running;
      x().started_ms = now_ms_;
    }
    if (x().move && x().move->phase == MovePhase::starting) x().move->phase = MovePhase::running;
    changed();
    if (x().cancel_requested) emit(EffectKind::cancel);
  }

  void on(const event::StartRefused& e) {
    Attempt* attempt = current(e.attempt);
    if (attempt == nullptr || attempt->state != AttemptState::starting) return;
    close(*attempt, AttemptState::ended, e.why);
    failed_attempt(e.why);
  }

  void on(const event::Ended& e) {
    Attempt* attempt = current(e.attempt);
    if (attempt == nullptr || !live(attempt->state)) return;
    attempt->ending = e.ending;
    close(*attempt, AttemptState::ended, e.why);
    const std::string why = e.why.empty() ? describe(e.ending) : e.why;
    const bool well = e.ending.code == 0;
    if (x().move) {
      const bool wanted = well && !x().move->continued_by_hand && !x().cancel_requested;
      if (wanted) return phase(MovePhase::collecting, EffectKind::collect);
      return failed_attempt(well ? "superseded" : why);
    }
    if (x().cancel_requested) return end(ExecutionState::cancelled, "cancelled");
    end(well ? ExecutionState::completed : ExecutionState::failed, well ? "" : why);
    emit(EffectKind::forget);
  }

  void on(const event::Lost& e) {
    Attempt* attempt = current(e.attempt);
    if (attempt == nullptr || !live(attempt->state)) return;
    close(*attempt, AttemptState::lost, e.why);
    failed_attempt(e.why);
  }

  void on(const event::CancelRequested&) {
    if (terminal(x().state) || x().cancel_requested) return;
    x().cancel_requested = true;
    changed();
    if (x().attempts.empty() && !x().move)
      return end(ExecutionState::cancelled, "cancelled before it started");
    if (!x().move || last_live_on_worker()) return emit(EffectKind::cancel);
    if (resumed()) release(ExecutionState::cancelled, "cancelled; the original runs on");
    // In the other phases an effect is under way; its outcome meets cancel_requested.
  }

  void on(const event::Restarted&) {
    if (terminal(x().state)) return;
    if (!x().move) {
      if (!x().attempts.empty()) emit(EffectKind::attach);
      return cancel_again();
    }
    switch (x().move->phase) {
      case MovePhase::preflight:
      case MovePhase::staging:
        return give_up("head_restarted: the daemon ended before the start was sent");
      case MovePhase::pausing:
        // No start was sent. The guard has continued the tree; doing it again harms nobody.
        return give_up("head_restarted: the daemon ended before the start was sent", Touched::maybe);
      case MovePhase::stopping:
      case MovePhase::ending:
        return emit(EffectKind::end_tree);
      case MovePhase::starting:
      case MovePhase::running:
        emit(EffectKind::attach);
        cancel_again();
        return watch();
      case MovePhase::collecting:
        return emit(EffectKind::collect);
      case MovePhase::resuming:
        return emit(EffectKind::resume);
      case MovePhase::done:
        return watch();
    }
  }

  void on(const event::PreflightPassed&) {
    if (!in(MovePhase::preflight)) return;
    if (x().cancel_requested) return give_up("cancelled");
    phase(MovePhase::staging, EffectKind::stage);
  }

  void on(const event::Staged& e) {
    if (!in(MovePhase::staging)) return;
    // Recorded even when it is not wanted any more: what was prepared for it must go.
    add_attempt(AttemptKind::run, AttemptState::placing, x().move->target, e.run);
    if (x().cancel_requested) return give_up("cancelled");
    if (x().move->original == Original::pause) return phase(MovePhase::pausing, EffectKind::pause);
    if (x().move->original == Original::stop) return phase(MovePhase::stopping, EffectKind::end_tree);
    send_start();
  }

  void on(const event::Refused& e) {
    if (!x().move && x().state == ExecutionState::queued && x().attempts.empty())
      return end(ExecutionState::aborted, e.why);
    if (in(MovePhase::preflight) || in(MovePhase::staging) || in(MovePhase::pausing)) give_up(e.why);
  }

  void on(const event::Paused& e) {
    if (!in(MovePhase::pausing)) return;
    x().move->members = e.members;
    x().attempts.front().state = AttemptState::suspended;
    changed();
    if (x().cancel_requested) return give_up("cancelled", Touched::maybe);
    send_start();
    watch();
  }

  void on(const event::OriginalEnded&) {
    if (!x().move || terminal(x().state)) return;
    Move& move = *x().move;
    switch (move.phase) {
      case MovePhase::preflight:
      case MovePhase::staging:
      case MovePhase::pausing:
        if (!adopted()) return;
        close_placing();
        close(x().attempts.front(), AttemptState::ended, "result_unknown");
        move.phase = MovePhase::done;
        return end(ExecutionState::aborted, "result_unknown: the original ended before it was suspended");
      case MovePhase::stopping:
        close(x().attempts.front(), AttemptState::ended, "stopped before attempt 2 was started");
        if (x().cancel_requested) {
          close_placing();
          move.phase = MovePhase::done;
          return end(ExecutionState::cancelled, "cancelled; the original had been stopped");
        }
        return send_start();
      case MovePhase::starting:
      case MovePhase::running:
      case MovePhase::collecting:
        if (move.original != Original::pause || move.original_gone) return;
        move.original_gone = true;  // attempt 2 goes on and decides
        close(x().attempts.front(), AttemptState::ended, "died while it was suspended");
        return changed();
      case MovePhase::ending:
        close(x().attempts.front(), AttemptState::ended, "replaced by attempt 2");
        return finish_move();
      case MovePhase::resuming:
        move.original_gone = true;
        close(x().attempts.front(), AttemptState::ended, "died while it was suspended");
        return end_after_failure();
      case MovePhase::done:
        if (!resumed()) return;
        close(x().attempts.back(), AttemptState::ended, "result_unknown");
        return end(ExecutionState::aborted,
                   "result_unknown: the resumed original ended, and grid is not its parent");
    }
  }

  void on(const event::OriginalContinued&) {
    const bool copy_runs = in(MovePhase::starting) || in(MovePhase::running);
    if (!(copy_runs || in(MovePhase::collecting)) || x().move->continued_by_hand) return;
    x().move->continued_by_hand = true;
    x().reason = "continued_by_hand: the original was continued by someone else";
    changed();
    if (copy_runs) emit(EffectKind::cancel);
  }

  void on(const event::Collected& e) {
    if (!in(MovePhase::collecting)) return;
    if (!e.failure.empty()) {
      x().attempts.back().reason = e.failure;
      return failed_attempt(e.failure);
    }
    // Whoever continued it wants it: it is not ended, although its work was done elsewhere.
    if (x().move->continued_by_hand) return failed_attempt(x().reason);
    if (adopted() && !x().move->original_gone && x().move->original == Original::pause)
      return phase(MovePhase::ending, EffectKind::end_tree);
    finish_move();
  }

  void on(const event::OriginalResumed&) {
    if (!in(MovePhase::resuming)) return;
    close(x().attempts.front(), AttemptState::ended, "resumed as another attempt");
    x().move->phase = MovePhase::done;
    add_attempt(AttemptKind::resumed, AttemptState::running, x().attempts.front().node, {});
    x().attempts.back().process = x().move->members.front();
    x().attempts.back().started_ms = now_ms_;
    if (x().cancel_requested) return release(ExecutionState::cancelled, "cancelled; the original runs on");
    watch();
  }

 private:
  Execution& x() { return step_.next; }
  void changed() { step_.changed = true; }
  void emit(EffectKind kind) {
    step_.effects.push_back({kind, x().attempts.empty() ? 0 : x().attempts.back().number});
  }
  void watch() {
    if (adopted() && !x().move->original_gone && x().move->original == Original::pause)
      emit(EffectKind::watch);
  }

  // The daemon before may have died between the commit of a cancel and its sending.
  void cancel_again() {
    const bool unwanted = x().cancel_requested || (x().move && x().move->continued_by_hand);
    if (unwanted && last_live_on_worker()) emit(EffectKind::cancel);
  }

  bool in(MovePhase phase) { return x().move && !terminal(x().state) && x().move->phase == phase; }
  bool adopted() { return !x().attempts.empty() && x().attempts.front().kind == AttemptKind::adopted; }
  bool resumed() { return !x().attempts.empty() && x().attempts.back().kind == AttemptKind::resumed; }
  bool last_live_on_worker() {
    return !x().attempts.empty() && x().attempts.back().kind == AttemptKind::run &&
           live(x().attempts.back().state);
  }

  // The attempt a transport speaks of, when it is the newest one: results of older ones are superseded. Of
  // adopted and resumed ones no transport knows anything.
  Attempt* current(std::uint32_t number) {
    if (terminal(x().state) || x().attempts.empty()) return nullptr;
    Attempt& newest = x().attempts.back();
    return newest.number == number && newest.kind == AttemptKind::run ? &newest : nullptr;
  }

  void add_attempt(AttemptKind kind, AttemptState state, const std::string& node, const std::string& run) {
    const auto number = static_cast<std::uint32_t>(x().attempts.size() + 1);
    x().attempts.push_back({number, kind, state, node, run, std::nullopt, std::nullopt, {}, 0, 0});
    changed();
  }

  void phase(MovePhase next, EffectKind effect) {
    x().move->phase = next;
    changed();
    emit(effect);
  }

  void send_start() {
    x().attempts.back().state = AttemptState::starting;
    phase(MovePhase::starting, EffectKind::start);
  }

  void close(Attempt& attempt, AttemptState state, std::string why) {
    if (terminal(attempt.state)) return;
    attempt.state = state;
    if (!why.empty()) attempt.reason = std::move(why);
    attempt.ended_ms = now_ms_;
    changed();
  }

  // An attempt that was prepared and never sent.
  void close_placing() {
    if (x().attempts.empty() || x().attempts.back().state != AttemptState::placing) return;
    close(x().attempts.back(), AttemptState::ended, "never started");
    emit(EffectKind::forget);
  }

  void end(ExecutionState state, std::string why) {
    x().state = state;
    x().reason = std::move(why);
    x().ended_ms = now_ms_;
    changed();
  }

  // The newest attempt is over and did not do the work.
  void failed_attempt(const std::string& why) {
    if (!x().move)
      return x().cancel_requested ? end(ExecutionState::cancelled, "cancelled")
                                  : end(ExecutionState::aborted, why);
    if (x().reason.empty() || !x().move->continued_by_hand) x().reason = why;
    const bool can_resume = adopted() && x().move->original == Original::pause && !x().move->original_gone;
    if (can_resume) return phase(MovePhase::resuming, EffectKind::resume);
    end_after_failure();
  }

  void end_after_failure() {
    x().move->phase = MovePhase::done;
    if (x().cancel_requested) return end(ExecutionState::cancelled, "cancelled");
    const bool own_failure = x().attempts.back().ending.has_value();
    end(own_failure ? ExecutionState::failed : ExecutionState::aborted, x().reason);
  }

  void finish_move() {
    x().move->phase = MovePhase::done;
    end(ExecutionState::completed, "");
    emit(EffectKind::forget);
  }

  // Nothing was started: the original is let go. One that may have been stopped by us is made sure to run;
  // another is not touched, for somebody may have stopped it on purpose.
  enum class Touched { no, maybe };
  void give_up(const std::string& why, Touched touched = Touched::no) {
    close_placing();
    x().move->phase = MovePhase::done;
    if (adopted() && touched == Touched::maybe) emit(EffectKind::resume);
    const bool by_person = x().cancel_requested;
    if (!adopted()) return end(by_person ? ExecutionState::cancelled : ExecutionState::aborted, why);
    close(x().attempts.front(), AttemptState::ended, "released: the original runs on");
    end(by_person ? ExecutionState::cancelled : ExecutionState::aborted, why);
  }

  void release(ExecutionState state, std::string why) {
    close(x().attempts.back(), AttemptState::ended, "released: the original runs on");
    end(state, std::move(why));
  }

  Step step_;
  std::int64_t now_ms_;
};

}  // namespace

Step begin_move(ExecutionId id, Move move, const std::string& head, std::int64_t now_ms) {
  Execution execution;
  execution.id = id;
  execution.state = ExecutionState::running;
  execution.started_ms = now_ms;
  if (move.original != Original::keep) {
    Attempt original;
    original.kind = AttemptKind::adopted;
    original.state = AttemptState::running;
    original.node = head;
    original.process = move.members.front();
    original.started_ms = now_ms;
    execution.attempts.push_back(std::move(original));
  }
  move.phase = MovePhase::preflight;
  execution.move = std::move(move);
  return {std::move(execution), {{EffectKind::preflight, 0}}, true};
}

Step step(Execution execution, const Event& event, std::int64_t now_ms) {
  Stepper stepper(std::move(execution), now_ms);
  std::visit([&](const auto& e) { stepper.on(e); }, event);
  return std::move(stepper).finish();
}

}  // namespace grid
