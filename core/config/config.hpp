// What the configuration says, as plain checked values. The initialisers here are the defaults: the only
// place where they are stated. Durations are seconds, sizes bytes. How the YAML names them: `grid config
// schema`, schema.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grid/sdk/value.hpp"

namespace grid {

template <class T>
using Named = std::map<std::string, T, std::less<>>;

// The transport to this machine: of the head, and of simulated nodes.
inline constexpr const char* local_transport = "local";

struct HeadConfig {
  enum class Run { allow, deny };
  std::string name;            // filled by load_config: the host's name where the files say nothing
  Run run = Run::allow;        // may `grid run` place work here
  std::optional<double> cpus;  // instead of what the machine has
  std::optional<std::uint64_t> memory_bytes;
  std::string file_root;  // prefix of /proc and /sys for readings; "" in production
};

// What a task of some programs needs to find where it runs (design: environments).
struct EnvironmentConfig {
  std::vector<std::string> matches;  // globs on the program's name: which tasks it is for
  std::vector<std::string> require;  // programs that must be found
  Named<std::string> variables;
  std::vector<std::string> path;    // put before PATH
  std::vector<std::string> source;  // sourced where they exist; ~/ is the home on the node
  friend bool operator==(const EnvironmentConfig&, const EnvironmentConfig&) = default;
};

struct NodeConfig {
  std::string transport;  // never empty: Config::default_transport where the files say nothing
  std::string address;    // as the transport understands it; empty: the node's name
  std::vector<std::string> labels;
  bool simulated = false;  // this machine under a made-up id; then cpus and memory_bytes are set
  std::optional<double> cpus;
  std::optional<std::uint64_t> memory_bytes;
  double cpu_fraction = 0;                // of a simulated node: made-up foreign load, 0…1
  std::string directory;                  // of a simulated node: its own folder; "" for one beside the state
  std::string agent_key;                  // Z85 public key of its agent
  std::vector<std::string> metrics;       // instead of Config::metrics; empty: those
  std::string file_root;                  // as HeadConfig::file_root
  std::string run_root;                   // run directories on the node; "" for the default
  Named<std::string> paths;               // a folder on the head → the same folder on the node
  Named<EnvironmentConfig> environments;  // overrides of Config::environments: use environment_on()
  friend bool operator==(const NodeConfig&, const NodeConfig&) = default;
};

struct AllowRule {
  enum class Loss { refused, allowed };
  enum class Original { pause, stop };
  std::string command;        // glob on the name of the program, or on its full path if it contains '/'
  std::string user;           // "" anybody whose processes grid may touch
  Loss loss = Loss::refused;  // may `with_loss` be moved without asking
  Original original = Original::pause;  // stop: the original may be killed before the copy starts
};

struct StageConfig {
  std::uint64_t max_bytes = 1ULL << 30U;
  std::vector<std::string> ignore = {".git", "node_modules", "__pycache__", ".venv",
                                     "*.pyc"};  // globs on names
};

struct OffloadConfig {
  std::vector<AllowRule> allow;
  double cooldown_seconds = 600;     // a process that was moved or resumed is left alone for this long
  double free_loss_seconds = 10;     // CPU time that is no loss
  double max_elapsed_seconds = 600;  // auto leaves alone what has used more CPU time
  std::int64_t max_moves = 1;        // per decision
  StageConfig stage;
  std::vector<std::string> environment = {  // names and globs of variables that go along
      "PATH", "HOME", "USER", "LOGNAME",   "SHELL",  "LANG",  "LANGUAGE",
      "LC_*", "TZ",   "TERM", "COLORTERM", "TMPDIR", "EDITOR"};
};

struct DaemonConfig {
  double node_interval_seconds = 5;
  double process_interval_seconds = 15;
  double watched_interval_seconds = 1;  // of processes, while somebody watches
  std::int64_t retention_days = 30;
  std::uint64_t retention_bytes = 256ULL << 20U;
};

struct Config {
  std::int64_t version = 1;
  HeadConfig head;
  Named<NodeConfig> nodes;
  std::string default_transport = "ssh";  // of nodes that name none, and of those that no file names
  std::vector<std::string> metrics = {"procfs"};
  std::string policy = "threshold";
  Named<Values> plugins;  // "policy.threshold" → the options that are stated, checked; defaults not filled in
  std::vector<std::string> plugin_folders;  // searched besides the installed one; absolute
  std::string run_root;  // of run directories on the head; "" for the default beside the state
  OffloadConfig offload;
  Named<EnvironmentConfig> environments;
  DaemonConfig daemon;
};

// [any] The environment `name` on `node`: what the node states replaces (lists) or is laid over (variables).
// Nothing when there is none of that name.
[[nodiscard]] std::optional<EnvironmentConfig> environment_on(const Config& config, std::string_view node,
                                                              std::string_view name);

// [any] The name of the first environment that matches the program (its last path component); nothing when
// none does.
[[nodiscard]] std::optional<std::string> environment_for(const Config& config, std::string_view program);

// [any] The first rule for this program (full path or name) of this user, or null. Valid as long as
// `offload`.
[[nodiscard]] const AllowRule* find_allow_rule(const OffloadConfig& offload, std::string_view program,
                                               std::string_view user);

// [any] May the variable `name` go along with a task: some entry of offload.environment matches.
[[nodiscard]] bool environment_allows(const OffloadConfig& offload, std::string_view name);

// [any] The host's name as a node's name: lower case, up to the first dot, other characters as '-'; "head" if
// nothing is left.
[[nodiscard]] std::string node_name_from_host(std::string_view host);

}  // namespace grid
