#include "core/registry/plugin_json.hpp"

#include <cmath>
#include <span>

namespace grid {
namespace {

Json value_to_json(const Value& value) {
  return std::visit([](const auto& held) { return Json(held); }, value);
}

Json limit_to_json(double limit) { return std::isfinite(limit) ? Json(limit) : Json(nullptr); }

Json choices_to_json(std::string_view choices) {
  Json list = Json::array();
  while (!choices.empty()) {
    const std::size_t bar = choices.find('|');
    list.push_back(std::string(choices.substr(0, bar)));
    if (bar == std::string_view::npos) break;
    choices.remove_prefix(bar + 1);
  }
  return list;
}

Json row(const PluginStatus& plugin, const Descriptor* descriptor) {
  return {{"kind", std::string(to_string(plugin.kind))},
          {"name", plugin.name},
          {"version", descriptor != nullptr ? Json(descriptor->version) : Json(nullptr)},
          {"summary", descriptor != nullptr ? Json(descriptor->summary) : Json(nullptr)},
          {"path", bytes_to_json(plugin.path.string())},
          {"state", std::string(to_string(plugin.state))},
          {"reason", plugin.reason}};
}

}  // namespace

std::string_view to_string(OptionType type) noexcept {
  switch (type) {
    case OptionType::boolean:
      return "boolean";
    case OptionType::integer:
      return "integer";
    case OptionType::number:
      return "number";
    case OptionType::text:
      return "text";
    case OptionType::duration:
      return "duration";
    case OptionType::size:
      return "size";
    case OptionType::choice:
      return "choice";
    case OptionType::list:
      return "list";
  }
  return "unknown";
}

Json option_to_json(const OptionSpec& spec) {
  const Values defaults = default_values({&spec, 1});
  return {{"name", std::string(spec.name)},
          {"type", std::string(to_string(spec.type))},
          {"default", defaults.empty() ? Json(nullptr) : value_to_json(defaults.begin()->second)},
          {"unit", std::string(spec.unit)},
          {"minimum", limit_to_json(spec.minimum)},
          {"maximum", limit_to_json(spec.maximum)},
          {"choices", choices_to_json(spec.choices)},
          {"doc", std::string(spec.doc)}};
}

Json plugins_to_json(const std::vector<PluginStatus>& plugins,
                     const std::vector<const Descriptor*>& descriptors) {
  Json list = Json::array();
  for (std::size_t i = 0; i < plugins.size(); ++i)
    list.push_back(row(plugins[i], i < descriptors.size() ? descriptors[i] : nullptr));
  return {{"schema", "grid/plugins/1"}, {"plugins", std::move(list)}};
}

Json plugin_to_json(const PluginStatus& plugin, const Descriptor& descriptor) {
  Json json = row(plugin, &descriptor);
  json["schema"] = "grid/plugin/1";
  json["abi"] = descriptor.abi;
  json["fingerprint"] = descriptor.fingerprint;
  json["sample_yaml"] = descriptor.sample_yaml;
  json["options"] = Json::array();
  for (const OptionSpec& spec : std::span(descriptor.options, descriptor.option_count))
    json["options"].push_back(option_to_json(spec));
  return json;
}

}  // namespace grid
