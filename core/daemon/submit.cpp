// POST /v1/executions: from a body to accepted work, or a refusal with its reason.
#include <utility>

#include <fmt/format.h>

#include "core/daemon/service.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

constexpr std::uint32_t array_limit = 1'000'000;

Result<> check_environment(const Config& config, const std::string& name) {
  if (name.empty() || name == "none" || config.environments.contains(name)) return {};
  std::vector<std::string> names{"none"};
  for (const auto& [each, environment] : config.environments) names.push_back(each);
  const std::string_view near = nearest(name, names);
  return fail(Code::not_found,
              "unknown environment '" + name + "'" +
                  (near.empty() ? "" : "; did you mean '" + std::string(near) + "'?"),
              "describe it with environments." + name + " in the configuration, or say none");
}

}  // namespace

Result<> Service::check_node(const std::string& name) {
  if (auto known = nodes_.ensure(name); !known) return known;
  if (name == nodes_.head() && config_.head.run == HeadConfig::Run::deny)
    return fail(Code::policy_denied, "the head takes no work", "head.run is 'deny' in the configuration");
  if (!nodes_.looked_at(name)) return {};
  auto trouble = nodes_.trouble(name);
  if (!trouble || trouble->retryable) return {};
  if (trouble->code == Code::policy_denied) return fail(std::move(*trouble));
  // It may have been mended since. If not, the execution ends with the reason.
  nodes_.try_again(name);
  return {};
}

Result<Json> Service::submit(const Json& body) {
  auto task = task_from_json(body);
  if (!task) return fail(task.error());
  TaskRecord record;
  record.task = std::move(*task);
  if (body.contains("on") && !body["on"].is_null()) {
    if (!body["on"].is_string()) return fail(Code::usage, "on: expected a node's name");
    record.pinned_node = body["on"].get<std::string>();
    if (auto checked = check_node(record.pinned_node); !checked) return fail(checked.error());
  }
  if (body.contains("array") && !body["array"].is_null()) {
    if (!body["array"].is_number_unsigned() || body["array"] == 0 || body["array"] > array_limit)
      return fail(Code::usage, fmt::format("array: expected a number from 1 to {}", array_limit));
    record.array = body["array"].get<std::uint32_t>();
  }
  auto options = run_options_from_body(body, record.task.cwd);
  if (!options) return fail(options.error());
  if (auto checked = check_environment(config_, options->environment); !checked) return fail(checked.error());
  if (record.array && !options->outputs.empty())
    return fail(Code::usage,
                "out: the elements of an array share their folder, so that none has files of its own",
                "let each print its result: grid logs ID.N");
  if (Json asked = run_options_to_json(*options); !asked.is_null())
    record.detail["options"] = std::move(asked);
  std::vector<Execution> elements(record.elements());
  for (std::uint32_t i = 0; i < elements.size(); ++i) elements[i].id.element = i;
  const auto id = ledger_.accept(std::move(record), std::move(elements));
  if (!id) return fail(id.error());
  place_soon();
  return execution(std::to_string(*id));
}

}  // namespace grid
