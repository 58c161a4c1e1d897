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

// Whether the node that a task asks for takes work. One that never will ends what waits for it.
bool Service::can_take(ActiveTask& task) {
  const std::string& node = task.record.pinned_node;
  if (node == nodes_.head() || nodes_.simulated(node)) return true;
  // Work that was accepted before a restart may ask for a node that no file names.
  const auto known = nodes_.ensure(node);
  if (known && !nodes_.looked_at(node)) return task.waits_for = node + ": is being looked at", false;
  const std::optional<Error> trouble = known ? nodes_.trouble(node) : std::optional(known.error());
  if (!trouble) return true;
  task.waits_for = node + ": " + trouble->message;
  if (trouble->retryable) return false;
  Json detail = task.record.detail;
  detail["hint"] = trouble->hint;
  const std::int64_t id = task.record.id;
  ledger_.set_detail(id, std::move(detail));
  for (std::uint32_t i = 0; i < task.elements.size(); ++i)
    ledger_.apply({id, i}, event::Refused{trouble->message});
  return false;
}

// Places the next elements of a task. False: none is left to place, or there is no room.
bool Service::place_elements(ActiveTask& task, const std::vector<Node>& nodes, bool& room_left) {
  const auto unplaced = [](const Execution& x) {
    return x.state == ExecutionState::queued && x.attempts.empty();
  };
  std::uint32_t& next = task.next_unplaced;
  while (next < task.elements.size() && !unplaced(task.elements[next])) ++next;
  if (next == task.elements.size()) return false;
  if (!task.record.pinned_node.empty() && !can_take(task)) return false;
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
  // No more than its share: other nodes that could take some come to theirs when they have room.
  const auto left = static_cast<std::uint32_t>(task.counts.by_state[0]);
  const std::uint32_t share = std::clamp((left + answer.able - 1) / answer.able,
                                         std::min(answer.slots, batch_elements), batch_elements);
  for (std::uint32_t i = next; i < task.elements.size() && elements.size() < share; ++i)
    if (unplaced(task.elements[i])) elements.push_back({i, 1});
  const auto slots = std::min(answer.slots, static_cast<std::uint32_t>(elements.size()));
  const std::string run = runs_.make(task, answer.node, elements, slots);
  const std::int64_t id = task.record.id;
  for (const RunElement& element : elements)
    ledger_.apply({id, element.element}, event::Placed{answer.node, run});
  return true;
}

}  // namespace grid
