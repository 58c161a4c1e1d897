// What a command works with. Everything is found when first asked for: `grid --version` touches none of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "apps/grid/arguments.hpp"
#include "apps/grid/terminal.hpp"
#include "core/base/dirs.hpp"
#include "core/base/text.hpp"
#include "core/client/api_client.hpp"
#include "grid/sdk/plugin.hpp"

namespace grid {
class LoopHost;
class Registry;
struct Config;
struct LoadRequest;
}  // namespace grid

namespace grid::cli {

class Context {
 public:
  Context(Arguments given, const Terminal& found);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Arguments arguments;
  const Terminal terminal;
  const Dirs dirs;
  [[nodiscard]] bool json() const { return arguments.has("json"); }

  // A connection to the daemon, which is started where it is absent and may be.
  Result<ApiClient> daemon();
  Result<Json> get(const std::string& target) { return ask("GET", target, {}); }
  Result<Json> post(const std::string& target, const Json& body = Json::object()) {
    return ask("POST", target, body);
  }
  // As get(), for one that waits at the daemon: a daemon that leaves meanwhile is started again and asked
  // again.
  Result<Json> get_patiently(const std::string& target);

  // What else the daemon said of its last refusal: `error.details`.
  [[nodiscard]] const Json& error_details() const { return error_details_; }

  // --profile, --config, and the environment's say.
  [[nodiscard]] LoadRequest load_request() const;
  // The configuration; options of plugins are not checked. Loaded once. Error: config_invalid.
  Result<const Config*> config();
  // The configuration checked against the plugins it names.
  Result<Config> checked_config();
  // The options of a plugin, for those who check a configuration. Valid as long as this.
  [[nodiscard]] std::function<Result<std::span<const OptionSpec>>(Kind, std::string_view)> option_lookup();
  // The installed plugins, and those in folders of the configuration if that was loaded before.
  Registry& registry();
  LoopHost& host();

  // The one way out for objects: to stdout, by the renderer that was asked for.
  Result<> show(const Json& object);
  // The same as text, not printed.
  Result<std::string> rendered(const Json& object, std::uint32_t columns);
  // For people in any case, also with --json.
  Result<std::string> rendered_as_text(const Json& object, std::uint32_t columns);
  // Messages for people, to stderr.
  void say(std::string_view line) const;

 private:
  Result<std::string> rendered_by(std::string_view name, const Json& object, std::uint32_t columns);
  Result<Json> ask(std::string_view method, const std::string& target, const Json& body);

  Json error_details_ = Json::object();
  std::unique_ptr<LoopHost> host_;
  std::unique_ptr<Config> config_;
  std::unique_ptr<Registry> registry_;
};

}  // namespace grid::cli
