// Finds plugins, opens those that are asked for, and hands out running instances.
//
// Kind and name come from file names: a command opens only the plugins it uses. Before any code of a plugin
// runs, its file must be trusted (plugin_file.hpp) and carry this SDK's ABI number in a section name; after
// opening, its descriptor must agree. A library is never closed again. All of it: [loop], the one thread that
// owns the registry.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/registry/plugin_file.hpp"
#include "core/registry/running_metrics_source.hpp"
#include "core/registry/running_policy.hpp"
#include "core/registry/running_renderer.hpp"
#include "core/registry/running_transport.hpp"
#include "core/registry/status.hpp"
#include "grid/sdk/plugin.hpp"

namespace grid {

class CrashMarker;
class Supervisor;

struct RegistryOptions {
  std::vector<std::filesystem::path>
      folders;  // absolute, in order; dirs.plugins() and what the configuration adds
  // Where it is kept which plugin took a process down, private to the user; empty: nothing is kept, nothing
  // disabled.
  std::filesystem::path marker_folder;
  std::chrono::milliseconds deadline{2000};  // of every call that computes, opening included
};

class Registry {
 public:
  // `host` outlives the registry and all it hands out. With a marker folder: settles what earlier processes
  // left there, and logs what it disabled.
  Registry(RegistryOptions options, Host& host);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Every plugin in the folders with its state, by kind and name. Opens none; looks at owner and mode of each
  // file.
  [[nodiscard]] std::vector<PluginStatus> list();
  // The plugins this process has asked for so far. Touches no file.
  [[nodiscard]] std::vector<PluginStatus> states() const;

  // Opens the plugin and answers its descriptor, valid as long as the process. Errors: not_found (with the
  // nearest name), resource_conflict (in two folders), policy_denied (others may write to it),
  // plugin_incompatible, plugin_fault.
  [[nodiscard]] Result<const Descriptor*> describe(Kind kind, std::string_view name);

  // A new instance: made, configured, started. What `options` leaves out has its default. Errors as
  // describe(), and what the plugin answers. An instance is stopped and destroyed with its last owner, on the
  // loop; it may outlive the registry.
  [[nodiscard]] Result<std::shared_ptr<RunningPolicy>> policy(std::string_view name,
                                                              const Options& options = {});
  [[nodiscard]] Result<std::shared_ptr<RunningMetricsSource>> metrics_source(std::string_view name,
                                                                             const Options& options = {});
  [[nodiscard]] Result<std::shared_ptr<RunningRenderer>> renderer(std::string_view name,
                                                                  const Options& options = {});
  [[nodiscard]] Result<std::shared_ptr<RunningTransport>> transport(std::string_view name,
                                                                    const Options& options = {});

 private:
  using Key = std::pair<Kind, std::string>;
  struct Refusal {
    PluginState state;
    Error error;
  };
  [[nodiscard]] Result<PluginFile> find(Kind kind, std::string_view name) const;
  // Why no code of `file` may run; nothing when it may.
  [[nodiscard]] std::optional<Refusal> refusal(const PluginFile& file) const;
  [[nodiscard]] static PluginStatus status_of(const PluginFile& file, const Refusal& refused);
  [[nodiscard]] Result<std::shared_ptr<Supervisor>> supervise(Kind kind, std::string_view name);
  void mark_from_now_on();
  template <class Running, class Interface>
  [[nodiscard]] Result<std::shared_ptr<Running>> run(Kind kind, std::string_view name,
                                                     const Options& options);

  RegistryOptions options_;
  Host& host_;
  std::shared_ptr<CrashMarker> marker_;                     // made when the first plugin is entered
  std::map<Key, std::shared_ptr<Supervisor>> supervisors_;  // opened, or faulted while being opened
  std::map<Key, PluginStatus> refused_;                     // asked for, and not opened
};

}  // namespace grid
