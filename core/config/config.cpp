#include "core/config/config.hpp"

#include <algorithm>

#include "core/config/glob.hpp"

namespace grid {
namespace {

std::string_view last_component(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool matches_program(std::string_view pattern, std::string_view program) {
  return glob_match(pattern, pattern.find('/') == std::string_view::npos ? last_component(program) : program);
}

void replace_if_stated(std::vector<std::string>& list, const std::vector<std::string>& stated) {
  if (!stated.empty()) list = stated;
}

}  // namespace

std::optional<EnvironmentConfig> environment_on(const Config& config, std::string_view node,
                                                std::string_view name) {
  const auto found = config.environments.find(name);
  if (found == config.environments.end()) return std::nullopt;
  EnvironmentConfig environment = found->second;
  const auto on = config.nodes.find(node);
  if (on == config.nodes.end()) return environment;
  const auto stated = on->second.environments.find(name);
  if (stated == on->second.environments.end()) return environment;
  replace_if_stated(environment.matches, stated->second.matches);
  replace_if_stated(environment.require, stated->second.require);
  replace_if_stated(environment.path, stated->second.path);
  replace_if_stated(environment.source, stated->second.source);
  for (const auto& [variable, value] : stated->second.variables) environment.variables[variable] = value;
  return environment;
}

std::optional<std::string> environment_for(const Config& config, std::string_view program) {
  for (const auto& [name, environment] : config.environments)
    for (const std::string& pattern : environment.matches)
      if (matches_program(pattern, program)) return name;
  return std::nullopt;
}

const AllowRule* find_allow_rule(const OffloadConfig& offload, std::string_view program,
                                 std::string_view user) {
  const auto rule = std::find_if(offload.allow.begin(), offload.allow.end(), [&](const AllowRule& each) {
    return (each.user.empty() || each.user == user) && matches_program(each.command, program);
  });
  return rule == offload.allow.end() ? nullptr : &*rule;
}

bool environment_allows(const OffloadConfig& offload, std::string_view name) {
  return std::any_of(offload.environment.begin(), offload.environment.end(),
                     [&](const std::string& pattern) { return glob_match(pattern, name); });
}

std::string node_name_from_host(std::string_view host) {
  std::string name;
  for (const char c : host.substr(0, host.find('.'))) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    name += upper ? static_cast<char>(c - 'A' + 'a') : plain ? c : '-';
  }
  name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
  name = name.substr(0, 63);
  return name.empty() ? "head" : name;
}

}  // namespace grid
