// `grid why`: the verdict first, then each rule with what it was measured against, then what would change it.
#include <charconv>

#include <fmt/format.h>

#include "core/daemon/execution_view.hpp"
#include "core/daemon/service.hpp"
#include "core/loop/place.hpp"
#include "core/loop/views.hpp"

namespace grid {
namespace {

Json rule(std::string name, bool holds, std::string text) {
  return {{"rule", std::move(name)}, {"holds", holds}, {"text", std::move(text)}};
}

Json answer(const std::string& subject, const char* kind) {
  return {{"schema", "grid/why/1"}, {"subject", subject}, {"kind", kind}, {"verdict", ""},
          {"rules", Json::array()}, {"next", ""},         {"hint", ""},   {"events", Json::array()}};
}

Json why_execution(const std::string& id, const TaskRecord& record, const Execution& x,
                   const std::vector<Node>& nodes) {
  Json why = answer(id, "execution");
  const std::string state(to_string(x.state));
  const std::string where = x.attempts.empty() ? "" : " on " + x.attempts.back().node;
  if (x.state == ExecutionState::queued && x.attempts.empty()) {
    why["verdict"] = "waits: no node can take it now";
    const PlaceAnswer place = grid::place(nodes, {record.task.needs, record.task.labels, record.pinned_node});
    if (!place.node.empty()) {
      why["verdict"] = "is about to start on " + place.node;
      why["rules"].push_back(rule("room", true, place.node + " has room"));
    }
    for (const RefusedNode& refused : place.refused)
      why["rules"].push_back(rule("room", false, refused.node + ": " + refused.reason));
    why["next"] = "looked at again when something ends, and with each turn of the loop";
    why["hint"] = "give it up: grid cancel " + id;
    return why;
  }
  why["verdict"] = state + (terminal(x.state) ? "" : where) +
                   (x.reason.empty() || x.reason == state ? "" : ": " + x.reason);
  for (const Attempt& attempt : x.attempts) {
    std::string text = fmt::format("attempt {} ({}) on {}: {}", attempt.number, to_string(attempt.kind),
                                   attempt.node, to_string(attempt.state));
    if (attempt.ending) text += ", " + describe(*attempt.ending);
    if (!attempt.reason.empty()) text += ", " + attempt.reason;
    why["rules"].push_back(rule("attempt", !attempt.ending || attempt.ending->code == 0, std::move(text)));
  }
  if (x.move)
    why["rules"].push_back(
        rule("move", true,
             fmt::format("process {} to {}, phase {}, original: {}", record.detail.value("pid", 0),
                         x.move->target, to_string(x.move->phase), to_string(x.move->original))));
  if (!terminal(x.state))
    why["hint"] = "its output: grid logs -f " + id;
  else if (!x.attempts.empty())
    why["hint"] = "its output: grid logs " + id;
  return why;
}

Json why_process(const std::string& subject, const Candidate& candidate, const Decision& decision) {
  Json why = answer(subject, "process");
  const CandidateDecision* decided = nullptr;
  for (const CandidateDecision& d : decision.candidates)
    if (d.root == candidate.root) decided = &d;
  const bool movable = candidate.restartable != Restartable::no;
  why["verdict"] = !candidate.execution.empty()          ? "is held by execution " + candidate.execution
                   : !movable                            ? "must stay: it cannot be started again elsewhere"
                   : decided != nullptr && decided->move ? "should move"
                                                         : "may move, and nothing asks for it";
  constexpr std::size_t most_reasons = 10;  // a large tree may have one for each of its files
  for (const Reason& reason : candidate.reasons) {
    if (why["rules"].size() == most_reasons) {
      why["rules"].push_back(
          rule("grade", movable, fmt::format("and {} more", candidate.reasons.size() - most_reasons)));
      break;
    }
    why["rules"].push_back(rule("grade", movable, reason_text(reason)));
  }
  if (decided != nullptr) {
    for (const Reason& reason : decided->reasons)
      why["rules"].push_back(rule("policy", decided->move, reason_text(reason)));
    for (const Placement& placement : decided->placements)
      why["rules"].push_back(
          rule("placement", true, fmt::format("{} scores {:.2f}", placement.node, placement.score)));
  }
  for (const Reason& reason : decision.reasons)
    why["rules"].push_back(rule("trigger", decision.allowed, reason_text(reason)));
  for (const RefusedNode& refused : decision.refused_nodes)
    why["rules"].push_back(rule("node", false, refused.node + ": " + refused.reason));
  why["next"] = "looked at with each scan of the processes";
  if (movable && candidate.execution.empty())
    why["hint"] = fmt::format("move it: grid offload execute {}{}", subject,
                              candidate.restartable == Restartable::with_loss ? " --yes" : "");
  return why;
}

Json why_node(const Node& node, const Decision& decision, const std::string& problem) {
  Json why = answer(node.name, "node");
  why["verdict"] = std::string(to_string(node.state)) + (node.accepts_work ? "" : ", and accepts no work");
  if (!problem.empty()) why["rules"].push_back(rule("link", false, problem));
  if (node.sample.cpu_fraction)
    why["rules"].push_back(
        rule("cpu", true,
             fmt::format("{:.0f} % of {} CPUs in use, {:g} reserved by grid", 100 * *node.sample.cpu_fraction,
                         node.sample.cpus.value_or(0), node.reserved.cpus)));
  for (const RefusedNode& refused : decision.refused_nodes)
    if (refused.node == node.name) why["rules"].push_back(rule("target", false, refused.reason));
  why["hint"] = "all nodes: grid node list";
  return why;
}

}  // namespace

Result<Json> Service::why(const std::string& subject) {
  Json why;
  const std::shared_ptr<const Turn> turn = loop_->last();
  const std::vector<Node> nodes = nodes_.view(runs_.load());
  if (nodes_.known(subject)) {
    for (const Node& node : nodes)
      if (node.name == subject)
        why = why_node(node, turn ? turn->decision : Decision{}, nodes_.problem(subject));
  } else if (const auto found = find(subject)) {
    why = found->whole_array() ? why_execution(subject, found->record, found->elements.front(), nodes)
                               : why_execution(subject, found->record, found->one(), nodes);
    if (found->whole_array()) {
      std::string counts;
      for (const auto& [state, count] : view(*found)["counts"].items())
        if (count != 0)
          counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count.get<std::int64_t>(), state);
      why["verdict"] = fmt::format("an array of {}: {}", found->record.elements(), counts);
    }
  } else {
    std::int32_t pid = 0;
    const auto parsed = std::from_chars(subject.data(), subject.data() + subject.size(), pid);
    if (parsed.ec != std::errc{} || parsed.ptr != subject.data() + subject.size())
      return fail(Code::not_found, "'" + subject + "' is no execution, process or node",
                  "see: grid ps -a, grid node list");
    const Candidate* known = nullptr;
    if (turn != nullptr)
      for (const Candidate& candidate : turn->snapshot->candidates)
        if (candidate.root.pid == pid) known = &candidate;
    ScanOptions options;
    options.file_root = config_.head.file_root;
    options.interval_seconds = 0;
    options.free_loss_seconds = config_.offload.free_loss_seconds;
    const auto examined = known != nullptr ? Result<Candidate>(*known) : examine(pid, options);
    if (!examined)
      return fail(Code::not_found, "no execution and no process " + subject,
                  "see: grid ps -a, grid offload scan");
    why = why_process(subject, *examined, turn ? turn->decision : Decision{});
  }
  if (const auto events = ledger_.store().events(-1, 20, subject))
    for (const EventRecord& event : *events) why["events"].push_back(event_to_json(event));
  return stamped(std::move(why));
}

}  // namespace grid
