#include "followed.hpp"

#include <utility>
#include <vector>

namespace grid::ssh {

namespace rd = run_directory;

std::optional<ProcessId> Followed::process(std::uint32_t element) const {
  const auto found = running_.find(element);
  return found == running_.end() ? std::nullopt : std::optional(found->second);
}

Result<> Followed::take(std::string_view bytes) {
  offset_ += bytes.size();
  unread_ += bytes;
  std::vector<rd::Record> records;
  const auto used = rd::decode_journal(unread_, records);
  Result<> fine;
  if (used) {
    unread_.erase(0, *used);
  } else {
    unread_.clear();
    fine = fail(used.error());
  }
  hand_on(records);
  return fine;
}

// What follows each other and is of one kind goes as one call, so that the order stays the journal's.
void Followed::hand_on(const std::vector<rd::Record>& records) {
  const auto alive = alive_;
  std::vector<RunStarted> started;
  std::vector<RunEnded> ended;
  const auto flush = [&] {
    if (!started.empty() && !alive.expired()) sink_.started(run_, std::exchange(started, {}));
    if (!ended.empty() && !alive.expired()) sink_.ended(run_, std::exchange(ended, {}));
  };
  for (const auto& record : records) {
    if (const auto* const start = std::get_if<rd::StartedRecord>(&record)) {
      if (!ended.empty()) flush();
      if (alive.expired()) return;
      running_[start->element] = start->process;
      started.push_back({start->element, start->attempt, start->process});
    } else if (const auto* const exit = std::get_if<rd::ExitedRecord>(&record)) {
      if (!started.empty()) flush();
      if (alive.expired()) return;
      running_.erase(exit->element);
      ended.push_back({exit->element, exit->attempt, exit->ending});
    } else if (const auto* const shim = std::get_if<rd::ShimRecord>(&record)) {
      if (!shim_) shim_ = *shim;
    } else if (std::holds_alternative<rd::FinishedRecord>(record)) {
      finished_ = true;
    }
  }
  flush();
}

}  // namespace grid::ssh
