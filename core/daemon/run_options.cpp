#include "core/daemon/run_options.hpp"

#include <algorithm>

#include "core/move/selection.hpp"
#include "core/move/task_on_node.hpp"

namespace grid {
namespace {

Result<std::vector<std::string>> list(const Json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end() || found->is_null()) return std::vector<std::string>{};
  auto read = bytes_list_from_json(*found);
  if (!read) return fail(Code::usage, std::string(name) + ": " + read.error().message);
  return read;
}

Result<std::vector<std::string>> paths(const Json& body, const char* name, const std::string& cwd) {
  auto given = list(body, name);
  if (!given) return given;
  if (!given->empty() && cwd.empty())
    return fail(Code::usage, std::string(name) + ": files are named relative to cwd, which is empty");
  std::vector<std::string> all;
  for (const std::string& each : *given) {
    auto path = path_inside(cwd, each);
    if (!path) return fail(path.error());
    if (std::find(all.begin(), all.end(), *path) == all.end()) all.push_back(std::move(*path));
  }
  return all;
}

std::vector<std::string> list_of(const Json& json, const char* name) {
  auto read = bytes_list_from_json(json.value(name, Json::array()));
  return read ? std::move(*read) : std::vector<std::string>{};
}

}  // namespace

Result<RunOptions> run_options_from_body(const Json& body, const std::string& cwd) {
  RunOptions options;
  auto named = list(body, "named");
  if (!named) return fail(named.error());
  // Of the others it makes no difference.
  for (std::string& name : *named)
    if (belongs_to_machine(name)) options.named.push_back(std::move(name));
  if (const auto found = body.find("environment_name"); found != body.end() && !found->is_null()) {
    if (!found->is_string()) return fail(Code::usage, "environment_name: expected a name");
    options.environment = found->get<std::string>();
  }
  auto inputs = paths(body, "in", cwd);
  if (!inputs) return fail(inputs.error());
  options.inputs = std::move(*inputs);
  auto outputs = paths(body, "out", cwd);
  if (!outputs) return fail(outputs.error());
  options.outputs = std::move(*outputs);
  return options;
}

Json run_options_to_json(const RunOptions& options) {
  Json json;
  if (!options.named.empty()) json["named"] = bytes_list_to_json(options.named);
  if (!options.environment.empty()) json["environment"] = options.environment;
  if (!options.inputs.empty()) json["in"] = bytes_list_to_json(options.inputs);
  if (!options.outputs.empty()) json["out"] = bytes_list_to_json(options.outputs);
  return json;
}

RunOptions run_options_of(const TaskRecord& record) {
  RunOptions options;
  const auto found = record.detail.find("options");
  if (found == record.detail.end() || !found->is_object()) return options;
  options.named = list_of(*found, "named");
  options.environment = found->value("environment", std::string());
  options.inputs = list_of(*found, "in");
  options.outputs = list_of(*found, "out");
  return options;
}

}  // namespace grid
