// Which queued work goes where, and when it is looked at.
#include <algorithm>
#include <utility>

#include "core/daemon/service.hpp"
#include "core/loop/place.hpp"

namespace grid {
namespace {

constexpr std::uint32_t batch_elements = 1000;  // of an array in one run directory

}  // namespace

void Service::place(const Snapshot&) { place_queued(); }

void Service::place_soon() {
  if (std::exchange(placing_, true)) return;
  host_.post([this] { place_queued(); });
}

void Service::place_queued() {
  placing_ = false;
  if (!ledger_.degraded().empty() || loop_->last() == nullptr)
    return;  // no effect may begin; nothing is known yet
  bool room_left = true;
  for (auto& [id, task] : ledger_.active()) {
    if (!room_left) break;
    while (place_elements(task, nodes_.view(runs_.load()), room_left)) {
    }
  }
}

// Places the next elements of a task. False: none is left to place, or there is no room.
bool Service::place_elements(ActiveTask& task, const std::vector<Node>& nodes, bool& room_left) {
  const auto unplaced = [](const Execution& x) {
    return x.state == ExecutionState::queued && x.attempts.empty();
  };
  std::uint32_t& next = task.next_unplaced;
  while (next < task.elements.size() && !unplaced(task.elements[next])) ++next;
  if (next == task.elements.size()) return false;
  const PlaceAnswer answer =
      grid::place(nodes, {task.record.task.needs, task.record.task.labels, task.record.pinned_node});
  if (answer.node.empty()) {
    task.waits_for = refusal_text(answer.refused);
    // Work that asks for one node, or for much, does not hold up what comes after it; plain work does.
    room_left = !task.record.pinned_node.empty() || task.record.task.needs.cpus > 1 ||
                !task.record.task.labels.empty() || task.record.task.needs.memory_bytes > 0 ||
                task.record.task.needs.gpus > 0;
    return false;
  }
  task.waits_for.clear();
  std::vector<RunElement> elements;
  for (std::uint32_t i = next; i < task.elements.size() && elements.size() < batch_elements; ++i)
    if (unplaced(task.elements[i])) elements.push_back({i, 1});
  const auto slots = std::min(answer.slots, static_cast<std::uint32_t>(elements.size()));
  const std::string run = runs_.make(task, answer.node, elements, slots);
  const std::int64_t id = task.record.id;
  for (const RunElement& element : elements)
    ledger_.apply({id, element.element}, event::Placed{answer.node, run});
  return true;
}

}  // namespace grid
