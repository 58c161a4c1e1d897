#include "core/engine/execution.hpp"

#include <cstring>

#include <fmt/format.h>

#include "core/base/files.hpp"

namespace grid {

std::string_view to_string(ExecutionState state) noexcept {
  switch (state) {
    case ExecutionState::queued:
      return "queued";
    case ExecutionState::running:
      return "running";
    case ExecutionState::completed:
      return "completed";
    case ExecutionState::failed:
      return "failed";
    case ExecutionState::cancelled:
      return "cancelled";
    case ExecutionState::aborted:
      return "aborted";
  }
  return "unknown";
}

std::string_view to_string(AttemptState state) noexcept {
  switch (state) {
    case AttemptState::placing:
      return "placing";
    case AttemptState::starting:
      return "starting";
    case AttemptState::running:
      return "running";
    case AttemptState::suspended:
      return "suspended";
    case AttemptState::ended:
      return "ended";
    case AttemptState::lost:
      return "lost";
  }
  return "unknown";
}

std::string_view to_string(AttemptKind kind) noexcept {
  switch (kind) {
    case AttemptKind::run:
      return "run";
    case AttemptKind::adopted:
      return "adopted";
    case AttemptKind::resumed:
      return "resumed";
  }
  return "unknown";
}

std::string_view to_string(Original original) noexcept {
  switch (original) {
    case Original::pause:
      return "pause";
    case Original::stop:
      return "stop";
    case Original::keep:
      return "keep";
  }
  return "unknown";
}

std::string_view to_string(MovePhase phase) noexcept {
  switch (phase) {
    case MovePhase::preflight:
      return "preflight";
    case MovePhase::staging:
      return "staging";
    case MovePhase::pausing:
      return "pausing";
    case MovePhase::stopping:
      return "stopping";
    case MovePhase::starting:
      return "starting";
    case MovePhase::running:
      return "running";
    case MovePhase::collecting:
      return "collecting";
    case MovePhase::ending:
      return "ending";
    case MovePhase::resuming:
      return "resuming";
    case MovePhase::done:
      return "done";
  }
  return "unknown";
}

std::optional<Original> original_from_string(std::string_view name) noexcept {
  for (const Original original : {Original::pause, Original::stop, Original::keep})
    if (to_string(original) == name) return original;
  return std::nullopt;
}

std::string describe(const Ending& ending) {
  if (ending.error) return "cannot be started: " + errno_text(*ending.error);
  if (ending.signal)
    return fmt::format("ended by signal {} ({})", *ending.signal, ::strsignal(*ending.signal));
  return fmt::format("exit code {}", ending.code.value_or(0));
}

}  // namespace grid
