// Layers, origins, cross checks and what is kept of a good configuration.
#include <gtest/gtest.h>

#include "core/config/show.hpp"
#include "core/config/test_lookup.hpp"

namespace grid {
namespace {

std::string all_errors(const LoadResult& result) {
  return result.errors.empty() ? "" : result.error().message;
}

constexpr std::string_view full = R"(version: 1
head: { name: boss, run: deny, cpus: 1.5, memory: 4G, file_root: /fixtures }
nodes:
  gpu1: { transport: ssh, address: ob@10.0.0.11, labels: [gpu], agent_key: "Z85", run_root: ~/runs,
          paths: { /home/me/data: /srv/data },
          environments: { node: { require: [node], variables: { B: "3" } } } }
  sim1: { transport: local, simulated: true, cpus: 4, memory: 8G, cpu_fraction: 0.25, directory: /tmp/sim,
          metrics: [procfs] }
  bare:
default_transport: ssh
metrics: [procfs, sysfs_gpu]
policy: threshold
plugins:
  policy.threshold: { cpu_high: 0.85, sustain: 20s }
  renderer.zoo: { flag: true, count: 3, title: 5, room: 2M, mode: slow, files: [a, b], wait: 1500ms }
plugin_folders: [/opt/plugins]
run_root: /var/tmp/runs
offload:
  allow:
    - { command: "python*", loss: allowed }
    - { command: /usr/bin/node, user: me, original: stop }
  cooldown: 1h
  free_loss: 5s
  max_elapsed: 2m
  max_moves: 3
  stage: { max: 10M, ignore: ["*.o"] }
  environment: [PATH, "LC_*"]
environments:
  node: { matches: [node, npm], require: [node, npm], variables: { A: 1, B: "2" }, path: [/opt/node/bin],
          source: ["~/.nvm/nvm.sh"] }
daemon: { node_interval: 2s, process_interval: 500ms, watched_interval: 100ms, retention_days: 7, retention_bytes: 1G }
)";

TEST(Config, EveryKeyArrives) {
  const LoadResult result = load_text(std::string(full));
  ASSERT_EQ(all_errors(result), "");
  const Config& config = result.config;
  EXPECT_EQ(config.head.name, "boss");
  EXPECT_EQ(config.head.run, HeadConfig::Run::deny);
  EXPECT_EQ(config.head.cpus, 1.5);
  EXPECT_EQ(config.head.memory_bytes, 4ULL << 30U);
  EXPECT_EQ(config.head.file_root, "/fixtures");
  const NodeConfig& gpu = config.nodes.at("gpu1");
  EXPECT_EQ(gpu.transport, "ssh");
  EXPECT_EQ(gpu.address, "ob@10.0.0.11");
  EXPECT_EQ(gpu.labels, std::vector<std::string>{"gpu"});
  EXPECT_EQ(gpu.agent_key, "Z85");
  EXPECT_EQ(gpu.run_root, "~/runs");  // its home, not ours
  EXPECT_EQ(gpu.paths, (Named<std::string>{{"/home/me/data", "/srv/data"}}));
  EXPECT_EQ(config.nodes.at("bare").transport, "ssh");  // the default one
  EXPECT_FALSE(gpu.simulated);
  EXPECT_FALSE(gpu.cpus.has_value());
  const NodeConfig& sim = config.nodes.at("sim1");
  EXPECT_TRUE(sim.simulated);
  EXPECT_EQ(sim.cpus, 4.0);
  EXPECT_EQ(sim.memory_bytes, 8ULL << 30U);
  EXPECT_EQ(sim.cpu_fraction, 0.25);
  EXPECT_EQ(sim.directory, "/tmp/sim");
  EXPECT_EQ(sim.metrics, std::vector<std::string>{"procfs"});
  EXPECT_EQ(config.metrics, (std::vector<std::string>{"procfs", "sysfs_gpu"}));
  EXPECT_EQ(config.plugins.at("policy.threshold"), (Values{{"cpu_high", 0.85}, {"sustain", 20.0}}));
  EXPECT_EQ(config.plugins.at("renderer.zoo"), (Values{{"flag", true},
                                                       {"count", std::int64_t{3}},
                                                       {"title", std::string("5")},
                                                       {"room", std::int64_t{2 << 20}},
                                                       {"mode", std::string("slow")},
                                                       {"files", std::vector<std::string>{"a", "b"}},
                                                       {"wait", 1.5}}));
  EXPECT_EQ(config.plugin_folders, std::vector<std::string>{"/opt/plugins"});
  EXPECT_EQ(config.run_root, "/var/tmp/runs");
  const OffloadConfig& offload = config.offload;
  ASSERT_EQ(offload.allow.size(), 2U);
  EXPECT_EQ(offload.allow[0].loss, AllowRule::Loss::allowed);
  EXPECT_EQ(offload.allow[0].original, AllowRule::Original::pause);
  EXPECT_EQ(offload.allow[1].user, "me");
  EXPECT_EQ(offload.allow[1].original, AllowRule::Original::stop);
  EXPECT_EQ(offload.cooldown_seconds, 3600);
  EXPECT_EQ(offload.free_loss_seconds, 5);
  EXPECT_EQ(offload.max_elapsed_seconds, 120);
  EXPECT_EQ(offload.max_moves, 3);
  EXPECT_EQ(offload.stage.max_bytes, 10U << 20U);
  EXPECT_EQ(offload.stage.ignore, std::vector<std::string>{"*.o"});
  EXPECT_EQ(offload.environment, (std::vector<std::string>{"PATH", "LC_*"}));
  EXPECT_EQ(config.environments.at("node").variables, (Named<std::string>{{"A", "1"}, {"B", "2"}}));
  EXPECT_EQ(config.environments.at("node").path, std::vector<std::string>{"/opt/node/bin"});
  EXPECT_EQ(config.daemon.node_interval_seconds, 2);
  EXPECT_EQ(config.daemon.process_interval_seconds, 0.5);
  EXPECT_EQ(config.daemon.watched_interval_seconds, 0.1);
  EXPECT_EQ(config.daemon.retention_days, 7);
  EXPECT_EQ(config.daemon.retention_bytes, 1ULL << 30U);

  const auto on = environment_on(config, "gpu1", "node");
  ASSERT_TRUE(on);
  EXPECT_EQ(on->require, std::vector<std::string>{"node"});
  EXPECT_EQ(on->source, std::vector<std::string>{"~/.nvm/nvm.sh"});
  EXPECT_EQ(on->variables, (Named<std::string>{{"A", "1"}, {"B", "3"}}));
  EXPECT_EQ(environment_on(config, "sim1", "node")->require, (std::vector<std::string>{"node", "npm"}));
  EXPECT_FALSE(environment_on(config, "gpu1", "ruby"));
  EXPECT_EQ(environment_for(config, "/usr/bin/npm"), "node");
  EXPECT_FALSE(environment_for(config, "/usr/bin/ruby"));
}

TEST(Config, ShowsValuesAsOneWouldWriteThem) {
  const LoadResult result = load_text(std::string(full));
  const Json values = config_to_json(result)["values"];
  EXPECT_EQ(values["offload.cooldown"], "1h");
  EXPECT_EQ(values["daemon.process_interval"], "0.5s");
  EXPECT_EQ(values["nodes.sim1.memory"], "8G");
  EXPECT_EQ(values["plugins.policy.threshold.cpu_high"], 0.85);
  EXPECT_EQ(values["environments.node.variables.B"], "2");
  EXPECT_EQ(values["offload.allow"][1],
            (Json{{"command", "/usr/bin/node"}, {"user", "me"}, {"loss", "refused"}, {"original", "stop"}}));
  EXPECT_FALSE(values.contains("nodes.gpu1.cpus"));  // missing is not zero
  EXPECT_FALSE(values.contains("nodes.sim1.address"));
}

TEST(Config, LayersMergeMapsAndReplaceTheRest) {
  const LoadResult result = load_config_texts(
      {{"profile",
        "head: { run: deny, cpus: 2 }\nmetrics: [procfs, sysfs_gpu]\nnodes: { a: { transport: ssh, labels: "
        "[x] } }\n"
        "plugins: { policy.threshold: { cpu_high: 0.9, cpu_low: 0.5 } }\n"
        "offload: { allow: [{ command: a }, { command: b }], cooldown: 1m }\n"},
       {"user",
        "head: { run: allow }\nmetrics: [procfs]\nnodes:\n  a: { address: there }\n  b: { transport: ssh }\n"
        "plugins: { policy.threshold: { cpu_high: 0.8 } }\noffload: { allow: [{ command: c }] }\n"}},
      "desk", test_lookup);
  ASSERT_EQ(all_errors(result), "");
  EXPECT_EQ(result.config.head.run, HeadConfig::Run::allow);
  EXPECT_EQ(result.config.head.cpus, 2.0);
  EXPECT_EQ(result.config.metrics, std::vector<std::string>{"procfs"});
  EXPECT_EQ(result.config.nodes.at("a").transport, "ssh");
  EXPECT_EQ(result.config.nodes.at("a").address, "there");
  EXPECT_EQ(result.config.nodes.size(), 2U);
  EXPECT_EQ(result.config.plugins.at("policy.threshold"), (Values{{"cpu_high", 0.8}, {"cpu_low", 0.5}}));
  ASSERT_EQ(result.config.offload.allow.size(), 1U);
  EXPECT_EQ(result.config.offload.allow[0].command, "c");
  EXPECT_EQ(result.config.offload.cooldown_seconds, 60);

  EXPECT_EQ(result.files, (std::vector<std::string>{"profile", "user"}));
  EXPECT_EQ(result.origins.at("head.run"), "user:1:9");
  EXPECT_EQ(result.origins.at("head.cpus"), "profile:1:20");
  EXPECT_EQ(result.origins.at("nodes.a.transport"), "profile:3:15");
  EXPECT_EQ(result.origins.at("nodes.a.address"), "user:4:8");
  EXPECT_EQ(result.origins.at("plugins.policy.threshold.cpu_high"), "user:6:32");
  EXPECT_EQ(result.origins.at("offload.allow[0].command"), "user:7:22");
  EXPECT_FALSE(result.origins.contains("offload.allow[1]"));
  EXPECT_FALSE(result.origins.contains("metrics[1]"));
  EXPECT_FALSE(result.origins.contains("policy"));  // a default
}

TEST(Config, AnEmptyListReplacesAndNothingDoesNot) {
  const std::string lower = "offload: { allow: [{ command: a }] }\n";
  EXPECT_TRUE(load_config_texts({{"l", lower}, {"u", "offload: { allow: [] }\n"}}, "h", test_lookup)
                  .config.offload.allow.empty());
  EXPECT_EQ(load_config_texts({{"l", lower}, {"u", "offload:\n  allow:\n"}}, "h", test_lookup)
                .config.offload.allow.size(),
            1U);
}

TEST(Config, ErrorsOfAllLayersInTheirOrder) {
  const LoadResult result = load_config_texts({{"one", "daemon: { retention_days: x }\npolcy: 1\n"},
                                               {"two", "hed: 1\nmetrics: []\n"},
                                               {"three", "a: 1\na: 2\n"}},
                                              "desk", test_lookup);
  EXPECT_EQ(all_errors(result),
            "one:1:27: daemon.retention_days: expected a whole number, got 'x'\n"
            "one:2:1: polcy: unknown key; did you mean 'policy'?\n"
            "two:1:1: hed: unknown key; did you mean 'head'?\n"
            "three:2:1: a: the key 'a' stands here a second time, first in line 1");
  EXPECT_EQ(result.error().code, Code::config_invalid);
}

TEST(Config, ADefaultThatDoesNotHoldHasNoPlace) {
  const auto nothing = [](Kind, std::string_view name) -> Result<std::span<const OptionSpec>> {
    return fail(Code::not_found, "no '" + std::string(name) + "'");
  };
  EXPECT_EQ(all_errors(load_config_texts({}, "desk", nothing)),
            "policy: no 'threshold'\nmetrics[0]: no 'procfs'");
}

TEST(Config, WithoutALookupPluginsAreSkippedAndSaid) {
  const LoadResult result = load_config_texts(
      {{"f", "policy: nowhere\nplugins: { policy.nowhere: { a: 1 }, policy.nowhere2: { b: [} } }\n"}}, "desk",
      {});
  EXPECT_NE(all_errors(result), "");  // the YAML itself is still read
  const LoadResult good =
      load_config_texts({{"f", "policy: nowhere\nplugins: { policy.nowhere: { a: 1 } }\n"}}, "desk", {});
  EXPECT_EQ(all_errors(good), "");
  EXPECT_EQ(good.unchecked, std::vector<std::string>{"policy.nowhere"});
  EXPECT_TRUE(good.config.plugins.at("policy.nowhere").empty());
}

// What people are shown first must be accepted as it stands, plugins of later days included.
TEST(Config, TheExampleOfTheGuideIsAccepted) {
  const LoadResult result = load_config_texts({{"f", R"(version: 1      # the head is this host
nodes:
  gpu1: { transport: ssh, address: ob@10.0.0.11, labels: [gpu] }
  gpu2: { transport: zmq, address: tcp://10.0.0.12:7611, agent_key: "Z85…" }
metrics: [procfs, sysfs_gpu]
policy: hybrid
plugins:
  policy.hybrid: { cpu_high: 0.85, cpu_low: 0.60, memory_high: 0.90, sustain: 20s, queue_pending: 4 }
offload:
  allow: [{ command: "python*", loss: allowed }, { command: node }]
  cooldown: 10m
environments:
  node: { matches: [node, npm, npx], require: [node, npm], source: ["~/.nvm/nvm.sh", /usr/local/nvm/nvm.sh] }
)"}},
                                              "desk", {});
  ASSERT_EQ(all_errors(result), "");
  EXPECT_EQ(result.config.nodes.at("gpu2").address, "tcp://10.0.0.12:7611");
  EXPECT_EQ(result.unchecked, std::vector<std::string>{"policy.hybrid"});
}

TEST(Config, HostNamesBecomeNodeNames) {
  EXPECT_EQ(node_name_from_host("Desk.local"), "desk");
  EXPECT_EQ(node_name_from_host("my_box"), "my-box");
  EXPECT_EQ(node_name_from_host("-x"), "x");
  EXPECT_EQ(node_name_from_host(""), "head");
  EXPECT_EQ(node_name_from_host(std::string(80, 'a')).size(), 63U);
  EXPECT_EQ(load_config_texts({}, "Desk.local", test_lookup).config.head.name, "desk");
}

TEST(Config, AllowRules) {
  const LoadResult result = load_text(
      "offload: { allow: [{ command: /usr/bin/node, loss: allowed }, { command: \"no*\", user: me }, { "
      "command: x }] }\n");
  ASSERT_EQ(all_errors(result), "");
  const OffloadConfig& offload = result.config.offload;
  EXPECT_EQ(find_allow_rule(offload, "/usr/bin/node", "you"), &offload.allow[0]);
  EXPECT_EQ(find_allow_rule(offload, "/opt/node", "me"), &offload.allow[1]);
  EXPECT_EQ(find_allow_rule(offload, "/opt/node", "you"), nullptr);
  EXPECT_EQ(find_allow_rule(offload, "x", "you"), &offload.allow[2]);
  EXPECT_EQ(find_allow_rule(offload, "/a/b/x", "you"), &offload.allow[2]);
  EXPECT_EQ(find_allow_rule(OffloadConfig{}, "x", "you"), nullptr);
}

TEST(Config, TheDefaultEnvironmentLeavesSecretsHere) {
  const OffloadConfig offload;
  for (const auto* name : {"PATH", "HOME", "LC_ALL", "LANG", "TMPDIR"})
    EXPECT_TRUE(environment_allows(offload, name)) << name;
  for (const auto* name : {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "LD_PRELOAD", "XLC_A"})
    EXPECT_FALSE(environment_allows(offload, name)) << name;
}

TEST(Config, ComplaintsAreHarmlessToATerminal) {
  const LoadResult result = load_text("policy: \"\\e[2J\\u202e\"\n\"\\e]52\": 1\n");
  ASSERT_EQ(result.errors.size(), 2U);
  EXPECT_EQ(all_errors(result).find('\x1b'), std::string::npos);
  EXPECT_LT(load_text("policy: ' " + std::string(100000, 'x') + "'\n").errors.at(0).message.size(), 1000U);
}

}  // namespace
}  // namespace grid
