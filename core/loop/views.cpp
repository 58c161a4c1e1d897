#include "core/loop/views.hpp"

#include <algorithm>
#include <variant>

namespace grid {
namespace {

template <class T>
void put(Json& json, const char* name, const std::optional<T>& value) {
  if (value) json[name] = *value;
}

Json pressure_to_json(const Pressure& pressure) {
  Json json = Json::object();
  put(json, "cpu_some_fraction", pressure.cpu_some);
  put(json, "memory_some_fraction", pressure.memory_some);
  put(json, "memory_full_fraction", pressure.memory_full);
  put(json, "io_some_fraction", pressure.io_some);
  put(json, "io_full_fraction", pressure.io_full);
  return json;
}

Json reasons_to_json(const std::vector<Reason>& reasons) {
  Json list = Json::array();
  for (const Reason& reason : reasons) list.push_back(bytes_to_json(reason_text(reason)));
  return list;
}

Json candidate_to_json(const Candidate& candidate, const CandidateDecision* decided) {
  Json json{{"pid", candidate.root.pid},
            {"start_ticks", candidate.root.start_ticks},
            {"command", bytes_to_json(candidate.command)},
            {"argv", bytes_list_to_json(candidate.argv)},
            {"user", candidate.user},
            {"cwd", bytes_to_json(candidate.cwd)},
            {"processes", candidate.members.size()},
            {"restartable", std::string(to_string(candidate.restartable))},
            {"paused", candidate.paused},
            {"execution", candidate.execution},
            {"move", decided != nullptr && decided->move}};
  put(json, "cpu_fraction", candidate.cpu_fraction);
  put(json, "rss_bytes", candidate.rss_bytes);
  put(json, "age_seconds", candidate.age_seconds);
  put(json, "cpu_seconds", candidate.cpu_seconds);
  json["reasons"] = reasons_to_json(candidate.reasons);
  json["placements"] = Json::array();
  if (decided == nullptr) return json;
  for (const Json& reason : reasons_to_json(decided->reasons)) json["reasons"].push_back(reason);
  for (const Placement& placement : decided->placements)
    json["placements"].push_back({{"node", placement.node}, {"score", placement.score}});
  return json;
}

}  // namespace

Json value_to_json(const Value& value) {
  return std::visit([](const auto& held) { return Json(held); }, value);
}

std::string reason_text(const Reason& reason) {
  return reason.text.empty() ? reason.code : reason.code + ": " + reason.text;
}

Json node_to_json(const Node& node, const std::string& problem) {
  const Sample& sample = node.sample;
  Json json{{"name", node.name},
            {"machine_id", node.machine_id},
            {"role", std::string(to_string(node.role))},
            {"simulated", node.simulated},
            {"state", std::string(to_string(node.state))},
            {"accepts_work", node.accepts_work},
            {"transport", node.transport},
            {"labels", node.labels},
            {"running", node.running},
            {"reserved",
             {{"cpus", node.reserved.cpus},
              {"memory_bytes", node.reserved.memory_bytes},
              {"gpus", node.reserved.gpus}}},
            {"pressure", pressure_to_json(sample.pressure)},
            {"disks", Json::array()},
            {"nets", Json::array()},
            {"gpus", Json::array()}};
  if (node.only_named) json["only_named"] = true;
  put(json, "cpus", sample.cpus);
  put(json, "cpu_fraction", sample.cpu_fraction);
  put(json, "load1", sample.load1);
  put(json, "runnable_threads", sample.runnable_threads);
  put(json, "memory_total_bytes", sample.memory_total_bytes);
  put(json, "memory_available_bytes", sample.memory_available_bytes);
  put(json, "swap_total_bytes", sample.swap_total_bytes);
  put(json, "swap_free_bytes", sample.swap_free_bytes);
  put(json, "uptime_seconds", sample.uptime_seconds);
  put(json, "sample_age_seconds", node.sample_age_seconds);
  for (const DiskRate& disk : sample.disks) {
    Json entry{{"name", disk.name}};
    put(entry, "read_bytes_per_second", disk.read_bytes_per_second);
    put(entry, "write_bytes_per_second", disk.write_bytes_per_second);
    json["disks"].push_back(std::move(entry));
  }
  for (const NetRate& net : sample.nets) {
    Json entry{{"name", net.name}};
    put(entry, "receive_bytes_per_second", net.receive_bytes_per_second);
    put(entry, "transmit_bytes_per_second", net.transmit_bytes_per_second);
    json["nets"].push_back(std::move(entry));
  }
  for (const Gpu& gpu : sample.gpus) {
    Json entry{{"id", gpu.id}, {"name", gpu.name}};
    put(entry, "busy_fraction", gpu.busy_fraction);
    put(entry, "memory_total_bytes", gpu.memory_total_bytes);
    put(entry, "memory_used_bytes", gpu.memory_used_bytes);
    json["gpus"].push_back(std::move(entry));
  }
  if (!problem.empty()) json["problem"] = problem;
  return json;
}

Json decision_to_json(const Decision& decision) {
  Json json{{"allowed", decision.allowed},
            {"policy", decision.policy},
            {"reasons", reasons_to_json(decision.reasons)},
            {"thresholds", Json::object()},
            {"refused_nodes", Json::array()}};
  for (const auto& [name, value] : decision.thresholds) json["thresholds"][name] = value_to_json(value);
  for (const RefusedNode& refused : decision.refused_nodes)
    json["refused_nodes"].push_back({{"node", refused.node}, {"reason", refused.reason}});
  return json;
}

Json scan_to_json(const Snapshot& snapshot, const Decision& decision, const ScanFacts& facts,
                  std::size_t top) {
  Json json{{"schema", "grid/scan/1"},     {"taken_at", rfc3339(snapshot.now.wall)},
            {"node", snapshot.head},       {"processes", facts.processes},
            {"recorded", facts.recorded},  {"decision", decision_to_json(decision)},
            {"candidates", Json::array()}, {"simulated_nodes", Json::array()}};
  for (const Node& node : snapshot.nodes)
    if (node.simulated) json["simulated_nodes"].push_back(node.name);
  put(json, "interval_seconds", snapshot.scan_interval_seconds);
  for (const Candidate& candidate : snapshot.candidates) {
    if (json["candidates"].size() >= top) break;
    const auto decided = std::find_if(decision.candidates.begin(), decision.candidates.end(),
                                      [&](const CandidateDecision& d) { return d.root == candidate.root; });
    json["candidates"].push_back(
        candidate_to_json(candidate, decided == decision.candidates.end() ? nullptr : &*decided));
  }
  return json;
}

}  // namespace grid
