// What no single key can know: required keys, and keys that must agree.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/config/value.hpp"
#include "core/config/walk.hpp"

namespace grid {
namespace {

class Checker {
 public:
  Checker(Walk& walk, const OptionLookup& lookup) : walk_(walk), lookup_(lookup) {}

  void run() {
    for (const LayerError& each : walk_.errors) errors_.insert(each.error.path);
    required(config_schema_table(), &walk_.config, "");
    for (const auto& [name, node] : walk_.config.nodes) check_node(name, node);
    if (walk_.config.metrics.empty())
      complain("metrics", "the list is empty; name at least one metrics plugin, such as procfs");
    check_plugin(Kind::policy, walk_.config.policy, "policy");
    if (was_stated("default_transport")) check_default_transport();
    check_metrics(walk_.config.metrics, "metrics");
  }

 private:
  void required(const ObjectSpec& spec, const void* object, const std::string& path) {
    for (const KeySpec& key : spec.keys) {
      const std::string key_path = join_path(path, key.option.name);
      if (key.required && !was_stated(key_path) && !has_error(path))
        complain(path, fmt::format("the key '{}' is missing", key.option.name));
      if (key.child == nullptr) continue;
      std::size_t index = 0;
      for (const KeySpec::Child& child : key.children(object))
        required(*key.child, child.object,
                 key.shape == Shape::object            ? key_path
                 : key.shape == Shape::objects_in_list ? join_path(key_path, index++)
                                                       : join_path(key_path, child.name));
    }
  }

  void check_node(const std::string& name, const NodeConfig& node) {
    const std::string path = join_path("nodes", name);
    if (name == walk_.config.head.name)
      complain(path,
               fmt::format("'{}' is the head's own name; give the node another, or the head one by head.name",
                           name));
    if (!has_error_within(path)) {  // else the keys that must agree are not all known
      if (node.simulated)
        check_simulated(node, path);
      else
        check_real(node, path);
    }
    // A default that is wrong is complained of once, where it stands.
    const bool of_its_own = was_stated(path + ".transport") || !was_stated("default_transport");
    if (!node.transport.empty() && of_its_own)
      check_plugin(Kind::transport, node.transport, path + ".transport");
    check_metrics(node.metrics, path + ".metrics");
    for (const auto& [environment, unused] : node.environments)
      if (!walk_.config.environments.contains(environment))
        complain(path + ".environments." + environment,
                 fmt::format("there is no environment '{}' to change{}", environment,
                             did_you_mean(environment, names(walk_.config.environments))));
  }

  void check_default_transport() {
    const std::string& name = walk_.config.default_transport;
    if (name == "local")
      complain("default_transport", "local reaches only this machine, which is the head");
    else
      check_plugin(Kind::transport, name, "default_transport");
  }

  void check_simulated(const NodeConfig& node, const std::string& path) {
    if (!node.cpus) complain(path, "a simulated node needs cpus: how many it pretends to have");
    if (!node.memory_bytes) complain(path, "a simulated node needs memory: how much it pretends to have");
    if (!node.transport.empty() && node.transport != "local")
      complain(
          path + ".transport",
          fmt::format("a simulated node is this machine: its transport is local, not '{}'", node.transport));
  }

  void check_real(const NodeConfig& node, const std::string& path) {
    if (node.transport == "local")
      complain(path + ".transport",
               "local reaches only this machine, which is the head; name another transport, or add "
               "simulated: true");
    if (node.cpu_fraction != 0)
      complain(path + ".cpu_fraction", "only a simulated node can pretend to have load");
    if (!node.directory.empty())
      complain(path + ".directory", "only a simulated node has a folder of its own");
  }

  void check_metrics(const std::vector<std::string>& metrics, const std::string& path) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      const std::string item = join_path(path, i);
      if (!seen.insert(metrics[i]).second)
        complain(item, fmt::format("'{}' stands in the list twice", metrics[i]));
      else
        check_plugin(Kind::metrics, metrics[i], item);
    }
  }

  void check_plugin(Kind kind, const std::string& name, const std::string& path) {
    if (!lookup_) return;
    const auto found = lookup_(kind, name);
    if (found) return;
    const Error& error = found.error();
    complain(path, error.hint.empty() ? error.message : error.message + "; " + error.hint);
  }

  [[nodiscard]] bool was_stated(const std::string& path) const { return walk_.origins.contains(path); }

  // Of the walk, before these checks.
  [[nodiscard]] bool has_error(const std::string& path) const { return errors_.contains(path); }
  [[nodiscard]] bool has_error_within(const std::string& path) const {
    const auto found = errors_.lower_bound(path + ".");
    return has_error(path) || (found != errors_.end() && found->starts_with(path + "."));
  }

  template <class Map>
  static std::vector<std::string> names(const Map& map) {
    std::vector<std::string> names;
    for (const auto& [name, unused] : map) names.push_back(name);
    return names;
  }

  // At the key itself, or at the nearest one above it that a file states; defaults have no place.
  void complain(const std::string& path, std::string message) {
    Origin origin{0, {0, 0}};
    for (std::string_view at = path; !at.empty();
         at = at.substr(0, std::min(at.find_last_of(".["), at.size()))) {
      if (const auto found = walk_.origins.find(at); found != walk_.origins.end()) {
        origin = found->second;
        break;
      }
      if (at.find_last_of(".[") == std::string_view::npos) break;
    }
    walk_.errors.push_back({origin.layer, {origin.place, path, std::move(message)}});
  }

  Walk& walk_;
  const OptionLookup& lookup_;
  std::set<std::string> errors_;  // paths
};

}  // namespace

void check_config(Walk& walk, const OptionLookup& lookup) { Checker(walk, lookup).run(); }

}  // namespace grid
