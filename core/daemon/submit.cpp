// POST /v1/executions: from a body to accepted work, or a refusal with its reason.
#include <utility>

#include <fmt/format.h>

#include "core/daemon/service.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

constexpr std::uint32_t array_limit = 1'000'000;

}  // namespace

Result<Json> Service::submit(const Json& body) {
  auto task = task_from_json(body);
  if (!task) return fail(task.error());
  TaskRecord record;
  record.task = std::move(*task);
  if (body.contains("on") && !body["on"].is_null()) {
    if (!body["on"].is_string()) return fail(Code::usage, "on: expected a node's name");
    record.pinned_node = body["on"].get<std::string>();
    if (!nodes_.known(record.pinned_node)) {
      const std::vector<std::string> names = nodes_.names();
      const auto near = nearest(record.pinned_node, names);
      return fail(Code::not_found,
                  "unknown node '" + record.pinned_node + "'" +
                      (near.empty() ? "" : "; did you mean '" + std::string(near) + "'?"),
                  "see: grid node list");
    }
    if (record.pinned_node == nodes_.head() && config_.head.run == HeadConfig::Run::deny)
      return fail(Code::policy_denied, "the head takes no work", "head.run is 'deny' in the configuration");
  }
  if (body.contains("array") && !body["array"].is_null()) {
    if (!body["array"].is_number_unsigned() || body["array"] == 0 || body["array"] > array_limit)
      return fail(Code::usage, fmt::format("array: expected a number from 1 to {}", array_limit));
    record.array = body["array"].get<std::uint32_t>();
  }
  std::vector<Execution> elements(record.elements());
  for (std::uint32_t i = 0; i < elements.size(); ++i) elements[i].id.element = i;
  const auto id = ledger_.accept(std::move(record), std::move(elements));
  if (!id) return fail(id.error());
  place_soon();
  return execution(std::to_string(*id));
}

}  // namespace grid
