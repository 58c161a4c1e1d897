#include "core/config/schema.hpp"

#include <array>
#include <limits>

#include "core/config/bind.hpp"
#include "core/config/config.hpp"
#include "core/config/formats.hpp"

namespace grid {
namespace {

using enum OptionType;

constexpr double unlimited = std::numeric_limits<double>::infinity();
constexpr double day = 86400;
constexpr double mebibyte = 1 << 20U;

const HeadConfig head_defaults;
constexpr std::array head_keys{
    value<&HeadConfig::name>(
        {.name = "name", .type = text, .doc = "Name of this machine; its host name by default."},
        {&node_name_format}),
    value<&HeadConfig::run>(
        {.name = "run",
         .type = choice,
         .doc = "Whether `grid run` may place work on this machine. Offloads never come here.",
         .choices = "allow|deny"}),
    value<&HeadConfig::cpus>({.name = "cpus",
                              .type = number,
                              .doc = "CPUs to use for work here, instead of all.",
                              .minimum = 0.1,
                              .maximum = 65536}),
    value<&HeadConfig::memory_bytes>({.name = "memory",
                                      .type = size,
                                      .doc = "Memory to use for work here, instead of all.",
                                      .minimum = mebibyte}),
    value<&HeadConfig::file_root>(
        {.name = "file_root",
         .type = text,
         .doc = "Where /proc and /sys are read from; for tests with recorded machines."},
        {&path_format}),
};
constexpr ObjectSpec head_object{head_keys, &head_defaults};

const EnvironmentConfig environment_defaults;
constexpr std::array environment_keys{
    value<&EnvironmentConfig::matches>(
        {.name = "matches", .type = list, .doc = "Programs it is for: names or patterns such as python*."},
        {&program_format}),
    value<&EnvironmentConfig::require>(
        {.name = "require", .type = list, .doc = "Programs that must be found before a task starts."},
        {&program_format}),
    map<&EnvironmentConfig::variables>(Shape::texts_by_name, "variables", variable_name_format,
                                       "Variables to set, by name."),
    value<&EnvironmentConfig::path>({.name = "path", .type = list, .doc = "Folders to put before PATH."},
                                    {&path_format}),
    value<&EnvironmentConfig::source>(
        {.name = "source",
         .type = list,
         .doc = "Shell files to read first, where they exist; ~/ is the home there."},
        {&path_format}),
};
constexpr ObjectSpec environment_object{environment_keys, &environment_defaults};

const NodeConfig node_defaults;
constexpr std::array node_keys{
    value<&NodeConfig::transport>(
        {.name = "transport",
         .type = text,
         .doc = "The transport plugin that reaches it; by default local for a simulated node, else "
                "default_transport."},
        {&plugin_name_format}),
    value<&NodeConfig::address>(
        {.name = "address",
         .type = text,
         .doc = "Where it is, as the transport writes it; by default the node's name."},
        {&word_format}),
    value<&NodeConfig::labels>({.name = "labels", .type = list, .doc = "Words that tasks may ask for."},
                               {&word_format}),
    value<&NodeConfig::simulated>(
        {.name = "simulated",
         .type = boolean,
         .doc = "This machine under a made-up identity, for demos and tests; every view "
                "says so. Needs cpus and memory."}),
    value<&NodeConfig::cpus>({.name = "cpus",
                              .type = number,
                              .doc = "CPUs to use there, instead of all.",
                              .minimum = 0.1,
                              .maximum = 65536}),
    value<&NodeConfig::memory_bytes>(
        {.name = "memory", .type = size, .doc = "Memory to use there, instead of all.", .minimum = mebibyte}),
    value<&NodeConfig::cpu_fraction>({.name = "cpu_fraction",
                                      .type = number,
                                      .doc = "Load by others that a simulated node pretends to have.",
                                      .unit = "fraction",
                                      .minimum = 0,
                                      .maximum = 1}),
    value<&NodeConfig::directory>(
        {.name = "directory", .type = text, .doc = "A simulated node's own folder."}, {&path_format}),
    value<&NodeConfig::agent_key>(
        {.name = "agent_key", .type = text, .doc = "Public key of its agent (Z85)."}, {&word_format}),
    value<&NodeConfig::metrics>({.name = "metrics",
                                 .type = list,
                                 .doc = "Metrics plugins for this node, instead of the general list."},
                                {&plugin_name_format}),
    value<&NodeConfig::file_root>(
        {.name = "file_root",
         .type = text,
         .doc = "Where its /proc and /sys are read from; for tests with recorded machines."},
        {&path_format}),
    value<&NodeConfig::run_root>(
        {.name = "run_root", .type = text, .doc = "Folder for run directories there."}, {&path_format}),
    map<&NodeConfig::paths>(Shape::texts_by_name, "paths", full_path_format,
                            "Folders that are the same there under another path: path here, path there.",
                            &full_path_format),
    objects_by_name<&NodeConfig::environments>("environments", environment_object, node_name_format,
                                               "What differs there from the environments of the same names."),
};
constexpr ObjectSpec node_object{node_keys, &node_defaults};

const AllowRule rule_defaults;
constexpr std::array rule_keys{
    value<&AllowRule::command>({.name = "command",
                                .type = text,
                                .doc = "A program's name, a pattern such as python*, or a full path."},
                               {&program_format, true}),
    value<&AllowRule::user>({.name = "user", .type = text, .doc = "Only processes of this user."},
                            {&word_format}),
    value<&AllowRule::loss>({.name = "loss",
                             .type = choice,
                             .doc = "Whether what is lost by starting again (named by the scan) is accepted.",
                             .choices = "refused|allowed"}),
    value<&AllowRule::original>(
        {.name = "original",
         .type = choice,
         .doc = "stop: the original may be killed before the copy starts, which frees memory.",
         .choices = "pause|stop"}),
};
constexpr ObjectSpec rule_object{rule_keys, &rule_defaults};

const StageConfig stage_defaults;
constexpr std::array stage_keys{
    value<&StageConfig::max_bytes>(
        {.name = "max", .type = size, .doc = "Most that is copied to a node for one task."}),
    value<&StageConfig::ignore>(
        {.name = "ignore", .type = list, .doc = "Files and folders that stay here: names or patterns."}),
};
constexpr ObjectSpec stage_object{stage_keys, &stage_defaults};

const OffloadConfig offload_defaults;
constexpr std::array offload_keys{
    objects_in_list<&OffloadConfig::allow>(
        "allow", rule_object, "What may leave this machine unasked. Empty: nothing moves by itself."),
    value<&OffloadConfig::cooldown_seconds>(
        {.name = "cooldown",
         .type = duration,
         .doc = "A process that was moved or resumed is left alone for this long.",
         .maximum = 30 * day}),
    value<&OffloadConfig::free_loss_seconds>(
        {.name = "free_loss",
         .type = duration,
         .doc = "Up to this much CPU time, starting again loses nothing.",
         .maximum = 30 * day}),
    value<&OffloadConfig::max_elapsed_seconds>(
        {.name = "max_elapsed",
         .type = duration,
         .doc = "What has used more CPU time is never moved by itself.",
         .maximum = 365 * day}),
    value<&OffloadConfig::max_moves>({.name = "max_moves",
                                      .type = integer,
                                      .doc = "Most processes moved by one decision.",
                                      .minimum = 1,
                                      .maximum = 1000}),
    object<&OffloadConfig::stage>("stage", stage_object, "Which files go along with a task."),
    value<&OffloadConfig::environment>({.name = "environment",
                                        .type = list,
                                        .doc = "Variables that go along with a task: names or patterns."},
                                       {&variable_glob_format}),
};
constexpr ObjectSpec offload_object{offload_keys, &offload_defaults};

const DaemonConfig daemon_defaults;
constexpr std::array daemon_keys{
    value<&DaemonConfig::node_interval_seconds>({.name = "node_interval",
                                                 .type = duration,
                                                 .doc = "How often nodes are looked at.",
                                                 .unit = "seconds",
                                                 .minimum = 0.1,
                                                 .maximum = day}),
    value<&DaemonConfig::process_interval_seconds>({.name = "process_interval",
                                                    .type = duration,
                                                    .doc = "How often the processes here are looked at.",
                                                    .unit = "seconds",
                                                    .minimum = 0.1,
                                                    .maximum = day}),
    value<&DaemonConfig::watched_interval_seconds>({.name = "watched_interval",
                                                    .type = duration,
                                                    .doc = "The same while somebody watches.",
                                                    .unit = "seconds",
                                                    .minimum = 0.1,
                                                    .maximum = day}),
    value<&DaemonConfig::retention_days>({.name = "retention_days",
                                          .type = integer,
                                          .doc = "How long history is kept.",
                                          .unit = "days",
                                          .minimum = 1,
                                          .maximum = 3650}),
    value<&DaemonConfig::retention_bytes>({.name = "retention_bytes",
                                           .type = size,
                                           .doc = "How much history is kept; the oldest goes first.",
                                           .minimum = mebibyte,
                                           .maximum = unlimited}),
};
constexpr ObjectSpec daemon_object{daemon_keys, &daemon_defaults};

const Config config_defaults;
constexpr std::array config_keys{
    value<&Config::version>(
        {.name = "version", .type = integer, .doc = "The form of this file: 1.", .minimum = 1, .maximum = 1}),
    object<&Config::head>("head", head_object, "This machine."),
    objects_by_name<&Config::nodes>("nodes", node_object, node_name_format, "The workers, by name."),
    value<&Config::default_transport>(
        {.name = "default_transport",
         .type = text,
         .doc = "The transport plugin of nodes that name none, and of those that only a command names."},
        {&plugin_name_format}),
    value<&Config::metrics>(
        {.name = "metrics", .type = list, .doc = "Metrics plugins, in order: later ones fill gaps."},
        {&plugin_name_format}),
    value<&Config::policy>({.name = "policy", .type = text, .doc = "The policy plugin that decides."},
                           {&plugin_name_format}),
    map<&Config::plugins>(Shape::plugin_options, "plugins", plugin_key_format,
                          "Options of plugins, under KIND.NAME: see grid plugin info."),
    value<&Config::plugin_folders>(
        {.name = "plugin_folders", .type = list, .doc = "Folders with more plugins."}, {&path_format}),
    value<&Config::run_root>(
        {.name = "run_root", .type = text, .doc = "Folder for run directories on this machine."},
        {&path_format}),
    object<&Config::offload>("offload", offload_object, "What may be moved, and how."),
    objects_by_name<&Config::environments>("environments", environment_object, node_name_format,
                                           "What some programs need to find where they run, by name."),
    object<&Config::daemon>("daemon", daemon_object, "Rates and history."),
};
constexpr ObjectSpec config_object{config_keys, &config_defaults};

}  // namespace

const ObjectSpec& config_schema_table() { return config_object; }

std::string join_path(std::string_view parent, std::string_view name) {
  return parent.empty() ? std::string(name) : std::string(parent) + "." + std::string(name);
}

std::string join_path(std::string_view parent, std::size_t index) {
  return std::string(parent) + "[" + std::to_string(index) + "]";
}

std::vector<std::string> split_choices(std::string_view choices) {
  std::vector<std::string> parts;
  for (std::size_t bar = 0; bar != std::string_view::npos;) {
    bar = choices.find('|');
    parts.emplace_back(choices.substr(0, bar));
    if (bar != std::string_view::npos) choices.remove_prefix(bar + 1);
  }
  return parts;
}

}  // namespace grid
