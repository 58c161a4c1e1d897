// Configurations that are good YAML and wrong, and what is said about each, word by word.
#include <gtest/gtest.h>

#include "core/config/test_lookup.hpp"

namespace grid {
namespace {

// clang-format off: one case, three lines
const struct {
  std::string_view name;
  std::string text;
  std::string_view errors;
} cases[] = {
    {"scalar_root", "version\n", "f:1:1: expected a mapping, got 'version'"},
    {"glued_colon", "version:1\n", "f:1:1: expected a mapping, got 'version:1'; a blank is needed after ':'"},
    {"list_root", "- version: 1\n", "f:1:1: expected a mapping, got a list"},
    {"unknown_key", "version: 1\npolcy: threshold\n", "f:2:1: polcy: unknown key; did you mean 'policy'?"},
    {"unknown_key_far", "frobnicate: 1\n",
     "f:1:1: frobnicate: unknown key; known are version, head, nodes, default_transport, metrics, policy, "
     "plugins, plugin_folders, run_root, offload, environments, daemon"},
    {"unknown_nested_key", "daemon: { node_intervall: 5s }\n",
     "f:1:11: daemon.node_intervall: unknown key; did you mean 'node_interval'?"},
    {"version_two", "version: 2\n", "f:1:10: version: expected 1, got '2'"},
    {"version_text", "version: \"1\"\n",
     "f:1:10: version: expected a whole number, got the text '1'; write it without quotes"},
    {"version_float", "version: 1.0\n", "f:1:10: version: expected a whole number, got '1.0'"},
    {"head_list", "head: [desk]\n", "f:1:7: head: expected a mapping, got a list"},
    {"head_name_upper", "head: { name: Desk }\n",
     "f:1:15: head.name: expected a name of a-z, 0-9 and '-', at most 63 characters, not beginning with '-', "
     "got 'Desk'"},
    {"head_name_empty", "head: { name: '' }\n",
     "f:1:15: head.name: expected a name of a-z, 0-9 and '-', at most 63 characters, not beginning with '-', "
     "got ''"},
    {"head_name_mapping", "head: { name: { a: 1 } }\n", "f:1:15: head.name: expected a text, got a mapping"},
    {"head_run_choice", "head: { run: alow }\n",
     "f:1:14: head.run: expected allow or deny, got 'alow'; did you mean 'allow'?"},
    {"head_run_true", "head: { run: true }\n", "f:1:14: head.run: expected allow or deny, got 'true'"},
    {"head_cpus_octal", "head: { cpus: 010 }\n",
     "f:1:15: head.cpus: expected a number, got '010'; numbers are decimal, without leading zeros: some "
     "readers take this one as octal"},
    {"head_cpus_hex", "head: { cpus: 0x10 }\n",
     "f:1:15: head.cpus: expected a number, got '0x10'; only decimal numbers are read"},
    {"head_cpus_octal_new", "head: { cpus: 0o17 }\n",
     "f:1:15: head.cpus: expected a number, got '0o17'; only decimal numbers are read"},
    {"head_cpus_quoted", "head: { cpus: \"5\" }\n",
     "f:1:15: head.cpus: expected a number, got the text '5'; write it without quotes"},
    {"head_cpus_negative", "head: { cpus: -1 }\n", "f:1:15: head.cpus: expected 0.1 to 65536.0, got '-1'"},
    {"head_cpus_infinite", "head: { cpus: .inf }\n", "f:1:15: head.cpus: expected a number, got '.inf'"},
    {"head_cpus_nothing", "head:\n  cpus:\n", "f:3:1: head.cpus: expected a number, got nothing"},
    {"head_memory_unit", "head: { memory: 8X }\n",
     "f:1:17: head.memory: expected a size such as 512M or 8G (powers of 1024), got '8X'"},
    {"head_memory_small", "head: { memory: 8K }\n", "f:1:17: head.memory: expected at least 1M, got '8K'"},
    {"head_memory_negative", "head: { memory: -8G }\n",
     "f:1:17: head.memory: expected a size such as 512M or 8G (powers of 1024), got '-8G'"},
    {"head_file_root_relative", "head: { file_root: fixtures }\n",
     "f:1:20: head.file_root: expected a path that begins with '/' or '~/', got 'fixtures'"},
    {"retention_exponent", "daemon: { retention_days: 1e3 }\n",
     "f:1:27: daemon.retention_days: expected a whole number, got '1e3'"},
    {"retention_octal", "daemon: { retention_days: 010 }\n",
     "f:1:27: daemon.retention_days: expected a whole number, got '010'; numbers are decimal, without "
     "leading zeros: some readers take this one as octal"},
    {"retention_zero", "daemon: { retention_days: 0 }\n",
     "f:1:27: daemon.retention_days: expected 1 to 3650, got '0'"},
    {"interval_without_unit", "daemon: { node_interval: 5 }\n",
     "f:1:26: daemon.node_interval: expected a duration such as 500ms, 20s, 5m, 2h or 1d, got '5'; the unit "
     "is missing, as in 5s"},
    {"interval_zero", "daemon: { node_interval: 0s }\n",
     "f:1:26: daemon.node_interval: expected 0.1s to 1d, got '0s'"},
    {"interval_unit", "daemon: { node_interval: 5 minutes }\n",
     "f:1:26: daemon.node_interval: expected a duration such as 500ms, 20s, 5m, 2h or 1d, got '5 minutes'"},
    {"metrics_scalar", "metrics: procfs\n", "f:1:10: metrics: expected a list such as [a, b], got 'procfs'"},
    {"metrics_empty", "metrics: []\n",
     "f:1:1: metrics: the list is empty; name at least one metrics plugin, such as procfs"},
    {"metrics_nested", "metrics: [procfs, [sysfs_gpu]]\n", "f:1:19: metrics[1]: expected a text, got a list"},
    {"metrics_nothing", "metrics: [procfs, ~]\n", "f:1:19: metrics[1]: expected a text, got nothing"},
    {"metrics_twice", "metrics: [procfs, procfs]\n", "f:1:19: metrics[1]: 'procfs' stands in the list twice"},
    {"metrics_unknown", "metrics: [procfs, sysfs_gpus]\n",
     "f:1:19: metrics[1]: there is no metrics plugin 'sysfs_gpus'; see: grid plugin list"},
    {"metrics_path", "metrics: [../evil]\n",
     "f:1:11: metrics[0]: expected the name of a plugin (a-z, 0-9 and '_'), got '../evil'"},
    {"policy_unknown", "policy: hybrid\n",
     "f:1:1: policy: there is no policy plugin 'hybrid'; see: grid plugin list"},
    {"policy_list", "policy: [threshold]\n", "f:1:9: policy: expected a text, got a list"},
    {"plugin_folder_relative", "plugin_folders: [plugins]\n",
     "f:1:18: plugin_folders[0]: expected a path that begins with '/' or '~/', got 'plugins'"},
    {"node_name", "nodes: { GPU1: { transport: ssh } }\n",
     "f:1:10: nodes.GPU1: expected a name of a-z, 0-9 and '-', at most 63 characters, not beginning with "
     "'-', got 'GPU1'"},
    {"node_name_long",
     "nodes: { aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: { transport: ssh } }\n",
     "f:1:10: nodes.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: expected a name of "
     "a-z, 0-9 and '-', at most 63 characters, not beginning with '-', got "
     "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"},
    {"node_name_dash", "nodes: { -a: { transport: ssh } }\n",
     "f:1:10: nodes.-a: expected a name of a-z, 0-9 and '-', at most 63 characters, not beginning with '-', "
     "got '-a'"},
    {"node_is_head", "nodes: { desk: { transport: ssh } }\n",
     "f:1:10: nodes.desk: 'desk' is the head's own name; give the node another, or the head one by "
     "head.name"},
    {"node_is_named_head", "head: { name: boss }\nnodes: { boss: { transport: ssh } }\n",
     "f:2:10: nodes.boss: 'boss' is the head's own name; give the node another, or the head one by "
     "head.name"},
    {"node_default_transport", "default_transport: shh\nnodes: { a: { address: x } }\n",
     "f:1:1: default_transport: there is no transport plugin 'shh'; see: grid plugin list"},
    {"default_transport_local", "default_transport: local\n",
     "f:1:1: default_transport: local reaches only this machine, which is the head"},
    {"node_path_relative", "nodes: { a: { paths: { home: /x } } }\n",
     "f:1:24: nodes.a.paths.home: expected a path that begins with '/', without '.' and '..' in it, got "
     "'home'"},
    {"node_path_up", "nodes: { a: { paths: { /home/me: /x/../y } } }\n",
     "f:1:34: nodes.a.paths./home/me: expected a path that begins with '/', without '.' and '..' in it, got "
     "'/x/../y'"},
    {"node_path_list", "nodes: { a: { paths: [/x] } }\n",
     "f:1:22: nodes.a.paths: expected a mapping, got a list"},
    {"node_scalar", "nodes: { a: ssh }\n", "f:1:13: nodes.a: expected a mapping, got 'ssh'"},
    {"nodes_list", "nodes: [a]\n", "f:1:8: nodes: expected a mapping, got a list"},
    {"node_transport_unknown", "nodes: { a: { transport: shh } }\n",
     "f:1:15: nodes.a.transport: there is no transport plugin 'shh'; see: grid plugin list"},
    {"node_transport_local", "nodes: { a: { transport: local } }\n",
     "f:1:15: nodes.a.transport: local reaches only this machine, which is the head; name another transport, "
     "or add simulated: true"},
    {"node_simulated_bare", "nodes: { a: { transport: local, simulated: true } }\n",
     "f:1:10: nodes.a: a simulated node needs cpus: how many it pretends to have\n"
     "f:1:10: nodes.a: a simulated node needs memory: how much it pretends to have"},
    {"node_simulated_yes", "nodes: { a: { transport: local, simulated: yes, cpus: 1, memory: 1G } }\n",
     "f:1:44: nodes.a.simulated: expected true or false, got 'yes'; write true"},
    {"node_simulated_quoted", "nodes: { a: { transport: ssh, simulated: \"true\" } }\n",
     "f:1:42: nodes.a.simulated: expected true or false, got the text 'true'; write it without quotes"},
    {"node_simulated_ssh", "nodes: { a: { transport: ssh, simulated: true, cpus: 1, memory: 1G } }\n",
     "f:1:15: nodes.a.transport: a simulated node is this machine: its transport is local, not 'ssh'"},
    {"node_load_real", "nodes: { a: { transport: ssh, cpu_fraction: 0.5, directory: /x } }\n",
     "f:1:31: nodes.a.cpu_fraction: only a simulated node can pretend to have load\n"
     "f:1:50: nodes.a.directory: only a simulated node has a folder of its own"},
    {"node_load_percent",
     "nodes: { a: { transport: local, simulated: true, cpus: 1, memory: 1G, cpu_fraction: 50% } }\n",
     "f:1:85: nodes.a.cpu_fraction: expected a number, got '50%'; write a fraction such as 0.85"},
    {"node_load_range",
     "nodes: { a: { transport: local, simulated: true, cpus: 1, memory: 1G, cpu_fraction: 1.5 } }\n",
     "f:1:85: nodes.a.cpu_fraction: expected 0.0 to 1.0, got '1.5'"},
    {"node_label_blank", "nodes: { a: { transport: ssh, labels: [\"a b\"] } }\n",
     "f:1:40: nodes.a.labels[0]: expected a word without blanks, got 'a b'"},
    {"node_metrics_unknown", "nodes: { a: { transport: ssh, metrics: [nvml] } }\n",
     "f:1:41: nodes.a.metrics[0]: there is no metrics plugin 'nvml'; see: grid plugin list"},
    {"node_environment_unknown",
     "environments: { node: {} }\nnodes: { a: { transport: ssh, environments: { nod: {} } } }\n",
     "f:2:47: nodes.a.environments.nod: there is no environment 'nod' to change; did you mean 'node'?"},
    {"plugin_option", "plugins:\n  policy.threshold: { cpu_hihg: 0.85 }\n",
     "f:2:23: plugins.policy.threshold.cpu_hihg: unknown option; did you mean 'cpu_high'?"},
    {"plugin_option_range", "plugins:\n  policy.threshold: { cpu_high: 1.5 }\n",
     "f:2:33: plugins.policy.threshold.cpu_high: expected 0.0 to 1.0, got '1.5'"},
    {"plugin_option_type", "plugins:\n  policy.threshold: { cpu_high: high }\n",
     "f:2:33: plugins.policy.threshold.cpu_high: expected a number, got 'high'"},
    {"plugin_option_unit", "plugins:\n  policy.threshold: { sustain: 20 }\n",
     "f:2:32: plugins.policy.threshold.sustain: expected a duration such as 500ms, 20s, 5m, 2h or 1d, got "
     "'20'; the unit is missing, as in 20s"},
    {"plugin_unknown", "plugins:\n  policy.treshold: { cpu_high: 0.85 }\n",
     "f:2:3: plugins.policy.treshold: there is no policy plugin 'treshold'; see: grid plugin list"},
    {"plugin_kind", "plugins:\n  polcy.threshold: { cpu_high: 0.85 }\n",
     "f:2:3: plugins.polcy.threshold: expected 'KIND.NAME' with the kind policy, transport, metrics or "
     "renderer, got 'polcy.threshold'"},
    {"plugin_without_kind", "plugins:\n  threshold: { cpu_high: 0.85 }\n",
     "f:2:3: plugins.threshold: expected 'KIND.NAME' with the kind policy, transport, metrics or renderer, "
     "got 'threshold'"},
    {"plugin_no_options", "plugins:\n  metrics.procfs: { fast: true }\n",
     "f:2:21: plugins.metrics.procfs.fast: unknown option"},
    {"plugin_scalar", "plugins:\n  policy.threshold: 0.85\n",
     "f:2:21: plugins.policy.threshold: expected a mapping, got '0.85'"},
    {"plugin_zoo",
     "plugins:\n  renderer.zoo:\n    flag: on\n    count: 1.5\n    ratio: .nan\n    title: [a]\n    wait: "
     "1w\n    room: 2G\n    mode: fats\n    files: a\n",
     "f:3:11: plugins.renderer.zoo.flag: expected true or false, got 'on'; write true\n"
     "f:4:12: plugins.renderer.zoo.count: expected a whole number, got '1.5'\n"
     "f:5:12: plugins.renderer.zoo.ratio: expected a number, got '.nan'\n"
     "f:6:12: plugins.renderer.zoo.title: expected a text, got a list\n"
     "f:7:11: plugins.renderer.zoo.wait: expected a duration such as 500ms, 20s, 5m, 2h or 1d, got '1w'\n"
     "f:8:11: plugins.renderer.zoo.room: expected at most 1G, got '2G'\n"
     "f:9:11: plugins.renderer.zoo.mode: expected fast or slow, got 'fats'; did you mean 'fast'?\n"
     "f:10:12: plugins.renderer.zoo.files: expected a list such as [a, b], got 'a'"},
    {"allow_mapping", "offload: { allow: { command: node } }\n",
     "f:1:19: offload.allow: expected a list, got a mapping"},
    {"allow_scalar_rule", "offload: { allow: [node] }\n",
     "f:1:20: offload.allow[0]: expected a mapping, got 'node'"},
    {"allow_without_command", "offload:\n  allow:\n    - { loss: allowed }\n",
     "f:3:7: offload.allow[0]: the key 'command' is missing"},
    {"allow_loss", "offload: { allow: [{ command: node, loss: allow }] }\n",
     "f:1:43: offload.allow[0].loss: expected refused or allowed, got 'allow'; did you mean 'allowed'?"},
    {"allow_original", "offload: { allow: [{ command: node, original: keep }] }\n",
     "f:1:47: offload.allow[0].original: expected pause or stop, got 'keep'"},
    {"allow_command_relative", "offload: { allow: [{ command: bin/node }] }\n",
     "f:1:31: offload.allow[0].command: expected a program's name, a pattern such as python*, or a full "
     "path, got 'bin/node'"},
    {"allow_unknown_key", "offload: { allow: [{ command: node }, { comand: node }] }\n",
     "f:1:39: offload.allow[1]: the key 'command' is missing\n"
     "f:1:41: offload.allow[1].comand: unknown key; did you mean 'command'?"},
    {"cooldown_text", "offload: { cooldown: soon }\n",
     "f:1:22: offload.cooldown: expected a duration such as 500ms, 20s, 5m, 2h or 1d, got 'soon'"},
    {"cooldown_long", "offload: { cooldown: 31d }\n",
     "f:1:22: offload.cooldown: expected at most 30d, got '31d'"},
    {"max_moves_zero", "offload: { max_moves: 0 }\n",
     "f:1:23: offload.max_moves: expected 1 to 1000, got '0'"},
    {"stage_max", "offload: { stage: { max: lots } }\n",
     "f:1:26: offload.stage.max: expected a size such as 512M or 8G (powers of 1024), got 'lots'"},
    {"stage_ignore", "offload: { stage: { ignore: .git } }\n",
     "f:1:29: offload.stage.ignore: expected a list such as [a, b], got '.git'"},
    {"environment_pattern", "offload: { environment: [\"A=B\"] }\n",
     "f:1:26: offload.environment[0]: expected the name of a variable or a pattern such as LC_*, got 'A=B'"},
    {"environment_variable_name", "environments: { node: { variables: { 1A: x } } }\n",
     "f:1:38: environments.node.variables.1A: expected the name of a variable (letters, digits and '_'), got "
     "'1A'"},
    {"environment_variable_value", "environments: { node: { variables: { A: [x] } } }\n",
     "f:1:41: environments.node.variables.A: expected a text, got a list"},
    {"environment_source", "environments: { node: { source: [nvm.sh] } }\n",
     "f:1:34: environments.node.source[0]: expected a path that begins with '/' or '~/', got 'nvm.sh'"},
    {"environment_name", "environments: { Node: {} }\n",
     "f:1:17: environments.Node: expected a name of a-z, 0-9 and '-', at most 63 characters, not beginning "
     "with '-', got 'Node'"},
    {"many_at_once", "version: 3\nhed: {}\nhead: { run: maybe }\noffload: { cooldown: 5, allow: [{}] }\n",
     "f:1:10: version: expected 1, got '3'\n"
     "f:2:1: hed: unknown key; did you mean 'head'?\n"
     "f:3:14: head.run: expected allow or deny, got 'maybe'\n"
     "f:4:22: offload.cooldown: expected a duration such as 500ms, 20s, 5m, 2h or 1d, got '5'; the unit is "
     "missing, as in 5s\n"
     "f:4:33: offload.allow[0]: the key 'command' is missing"},
};
// clang-format on

TEST(BadConfig, IsRefusedInTheseWords) {
  for (const auto& [name, text, errors] : cases) {
    const LoadResult result = load_text(text);
    if (result.errors.empty())
      ADD_FAILURE() << name << ": accepted";
    else
      EXPECT_EQ(result.error().message, errors) << name;
  }
}

}  // namespace
}  // namespace grid
