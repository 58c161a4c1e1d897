// The one table behind parser, help and completion.
#include "apps/grid/commands/commands.hpp"
#include "apps/grid/options.hpp"

namespace grid::cli {
namespace {

using enum ArgType;
using Need = Positional::Need;

constexpr Option globals[] = {
    {.name = "json", .help = "print the documented JSON object instead of text"},
    {.name = "profile",
     .type = text,
     .metavar = "NAME",
     .help = "built-in configuration to start from (home)"},
    {.name = "config",
     .type = path,
     .metavar = "FILE",
     .help = "this configuration file instead of the user's own"},
    {.name = "no-start", .help = "do not start the daemon; without one: exit code 6"},
    {.name = "no-color", .help = "plain text (so do NO_COLOR, TERM=dumb and a pipe)"},
    {.name = "columns",
     .type = count,
     .metavar = "N",
     .help = "width of text output",
     .maximum = 10000,
     .hidden = true},
    {.name = "help", .letter = 'h', .help = "show help"},
    {.name = "version", .help = "show the version"},
};

constexpr Option interval{.name = "interval",
                          .type = duration,
                          .metavar = "TIME",
                          .help = "between the two looks at the processes",
                          .fallback = "1s",
                          .minimum = 0.05,
                          .maximum = 600};
constexpr Option limit{.name = "limit",
                       .type = count,
                       .metavar = "N",
                       .help = "at most N lines",
                       .minimum = 1,
                       .maximum = 100000};

constexpr Option scan_options[] = {
    interval,
    {.name = "top",
     .type = count,
     .metavar = "N",
     .help = "at most N candidates",
     .fallback = "20",
     .minimum = 1,
     .maximum = 1000},
};
constexpr Option execute_options[] = {
    {.name = "to", .type = node, .metavar = "NODE", .help = "this worker instead of the best one"},
    {.name = "original",
     .type = choice,
     .metavar = "WHAT",
     .help = "what becomes of the original: paused until the copy has succeeded, stopped before the copy "
             "starts, or kept running",
     .fallback = "pause",
     .choices = "pause|stop|keep"},
    {.name = "trigger",
     .type = choice,
     .metavar = "WHAT",
     .help = "what the move is to relieve; memory and gpu need --original stop",
     .choices = "cpu|memory|gpu|pressure"},
    {.name = "dry-run", .help = "show what would be done, and do nothing"},
    {.name = "yes", .letter = 'y', .help = "accept the losses that a restart brings"},
    {.name = "no-stage", .help = "copy no files of the working directory"},
    {.name = "detach", .letter = 'd', .help = "print the id and leave"},
};
constexpr Option run_options[] = {
    {.name = "detach", .letter = 'd', .help = "print the id alone and leave"},
    {.name = "on", .type = node, .metavar = "NODE", .help = "this node instead of the best one"},
    {.name = "array",
     .type = count,
     .metavar = "N",
     .help = "run it N times; each finds its number in GRID_EXECUTION",
     .minimum = 1,
     .maximum = 1000000},
    {.name = "cpus",
     .type = number,
     .metavar = "N",
     .help = "CPUs it needs",
     .fallback = "1",
     .maximum = 65536},
    {.name = "memory", .type = size, .metavar = "SIZE", .help = "memory it needs, such as 8G"},
    {.name = "gpus", .type = count, .metavar = "N", .help = "GPUs it needs", .maximum = 1024},
    {.name = "label",
     .type = text,
     .metavar = "LABEL",
     .help = "only nodes with this label",
     .repeatable = true},
    {.name = "env",
     .letter = 'e',
     .type = text,
     .metavar = "NAME[=VALUE]",
     .help = "a variable for it; without VALUE the caller's",
     .repeatable = true},
    {.name = "stdin",
     .type = path,
     .metavar = "FILE",
     .help = "its standard input; - is the caller's (default: /dev/null)"},
    {.name = "environment",
     .type = text,
     .metavar = "NAME",
     .help = "what it needs to find there: environments.NAME of the configuration instead of the one that "
             "matches its program; none: nothing"},
    {.name = "in",
     .type = path,
     .metavar = "FILE",
     .help = "a file or folder of this directory to send along; . is all of it (but for what .gridignore "
             "names)",
     .repeatable = true},
    {.name = "out",
     .type = path,
     .metavar = "FILE",
     .help = "a file or folder that it makes, to bring home",
     .repeatable = true},
};
constexpr Option ps_options[] = {
    {.name = "all", .letter = 'a', .help = "those that ended more than a day ago, too"},
    limit,
};
constexpr Option history_options[] = {limit};
constexpr Option logs_options[] = {
    {.name = "follow", .letter = 'f', .help = "go on until it has ended"},
    {.name = "stream",
     .type = choice,
     .metavar = "WHICH",
     .help = "only this one",
     .choices = "stdout|stderr"},
};
constexpr Option wait_options[] = {
    {.name = "timeout",
     .type = duration,
     .metavar = "TIME",
     .help = "give up after this long, with exit code 124"},
};
constexpr Option watch_options[] = {
    {.name = "interval",
     .type = duration,
     .metavar = "TIME",
     .help = "between two pictures",
     .fallback = "1s",
     .minimum = 0.1,
     .maximum = 3600},
};
constexpr Option yes_keys{.name = "yes", .letter = 'y', .help = "trust the keys that the host shows now"};
constexpr Option node_add_options[] = {
    {.name = "transport",
     .type = text,
     .metavar = "NAME",
     .help = "the transport plugin that reaches it, instead of the default one"},
    {.name = "label",
     .type = text,
     .metavar = "LABEL",
     .help = "a word that tasks may ask for",
     .repeatable = true},
    yes_keys,
};
constexpr Option trust_options[] = {
    {.name = "fingerprint",
     .type = text,
     .metavar = "SHA256:…",
     .help = "trust exactly this key; any other is refused"},
    yes_keys,
};
constexpr Option explain_options[] = {interval};
constexpr Option daemon_options[] = {
    {.name = "log", .type = path, .metavar = "FILE", .help = "log to this file (default: to stderr)"},
};

constexpr Positional pid_asked[] = {{"PID", pid, Need::asked}};
constexpr Positional id_asked[] = {{"ID", execution, Need::asked}};
constexpr Positional command_rest[] = {{"COMMAND", shell_command, Need::rest}};
constexpr Positional new_node[] = {{"NAME", text, Need::required}, {"ADDRESS", text, Need::optional}};
constexpr Positional node_required[] = {{"NODE", node, Need::required}};
constexpr Positional node_optional[] = {{"NODE", node, Need::optional}};
constexpr Positional subject[] = {{"EXECUTION|PID|NODE", text, Need::required}};
constexpr Positional plugin_name[] = {{"PLUGIN", plugin, Need::required}};
constexpr Positional file_optional[] = {{"FILE", path, Need::optional}};
constexpr Positional shell[] = {{"SHELL", choice, Need::required, "bash|zsh|fish"}};
constexpr Positional topic[] = {{"COMMAND", text, Need::optional}, {"VERB", text, Need::optional}};
constexpr Positional words[] = {{"WORD", text, Need::rest}};

constexpr Command table[] = {
    {.path = "offload scan",
     .summary = "Show what should leave this machine, where to, and why",
     .run = offload_scan,
     .options = scan_options,
     .examples = "grid offload scan\ngrid offload scan --json --interval 2s",
     .notes = "One turn of the loop: looks at the processes twice, asks the policy, and changes nothing."},
    {.path = "offload execute",
     .summary = "Move a running process to a worker",
     .run = offload_execute,
     .options = execute_options,
     .positionals = pid_asked,
     .examples = "grid offload execute 4711\ngrid offload execute 4711 --to gpu1 --yes\ngrid offload execute "
                 "4711 --dry-run",
     .notes = "The original is paused, started again on the worker, and ended when that has succeeded; if it "
              "fails, the original goes "
              "on. What a restart would lose is listed and has to be accepted: on a terminal by an answer, "
              "else with --yes."},
    {.path = "offload status",
     .summary = "Show the moves under way and those of the last day",
     .run = offload_status},
    {.path = "offload history",
     .summary = "Show what was moved, when, and how it ended",
     .run = offload_history,
     .options = history_options},
    {.path = "offload watch", .summary = "The same as grid watch", .run = watch, .options = watch_options},
    {.path = "run",
     .summary = "Run a command on the best node",
     .run = run,
     .options = run_options,
     .positionals = command_rest,
     .examples = "grid run -- make -j4\ngrid run -d --memory 8G --label gpu -- ./train.py\ngrid run --array "
                 "100 -- sh -c 'echo "
                 "$GRID_EXECUTION'\ngrid run --on gpu1 --in data.csv --out model.bin -- ./train.py data.csv",
     .notes =
         "Output comes as it is made, and the exit code is the command's own (128+N: ended by signal N; "
         "127 and 126: not found, "
         "cannot be run; 125: grid failed before). Ctrl-C goes to the command; the second one leaves it "
         "running and says how to "
         "stop it.\nThe command starts in the same directory, with the environment variables that the "
         "configuration lets pass and "
         "those of -e; on another machine PATH, HOME and the like are that machine's own. With --in or --out "
         "it "
         "runs there in a folder of its own, with the files of --in; those of --out come home when it has "
         "ended, and one that changed here meanwhile arrives as NAME.grid-ID. What is missing is said, "
         "with exit code 7 if the command itself succeeded. With --json its output stays in grid logs, and "
         "the execution is printed when it "
         "has ended.",
     .stops_at_positional = true},
    {.path = "ps", .summary = "List executions", .run = ps, .options = ps_options},
    {.path = "logs",
     .summary = "Print what an execution wrote",
     .run = logs,
     .options = logs_options,
     .positionals = id_asked,
     .examples = "grid logs 7\ngrid logs -f 7.3\ngrid logs 7 --stream stderr",
     .notes = "Its stdout goes to stdout and its stderr to stderr, byte by byte; on a terminal control "
              "characters are shown, not obeyed."},
    {.path = "wait",
     .summary = "Wait for an execution, and exit with its code",
     .run = wait,
     .options = wait_options,
     .positionals = id_asked,
     .examples = "grid wait 7\ngrid wait 7 --timeout 30s"},
    {.path = "cancel",
     .summary = "Stop an execution and all it started",
     .run = cancel,
     .positionals = id_asked},
    {.path = "why",
     .summary = "Explain why something waits, runs where it runs, or may not move",
     .run = why,
     .positionals = subject,
     .examples = "grid why 7\ngrid why 4711\ngrid why gpu1"},
    {.path = "status", .summary = "Show nodes, queue and decision at a glance", .run = status},
    {.path = "watch",
     .summary = "The same, live; q or Ctrl-C leaves",
     .run = watch,
     .options = watch_options},
    {.path = "node list", .summary = "List the nodes", .run = node_list},
    {.path = "node add",
     .summary = "Add a node to the configuration, and trust its host key",
     .run = node_add,
     .options = node_add_options,
     .positionals = new_node,
     .examples = "grid node add gpu1 me@10.0.0.11 --label gpu\ngrid node add gpu1",
     .notes =
         "Without ADDRESS the name is the address: an alias of ~/.ssh/config will do. The line is added to "
         "the "
         "user's own file (or the one of --config), and all else in it stays as it is. What the host shows "
         "as "
         "its keys is trusted when you say so: on a terminal by an answer, else with --yes, or later by grid "
         "node trust."},
    {.path = "node trust",
     .summary = "Show a host's keys, and record them as its own",
     .run = node_trust,
     .options = trust_options,
     .positionals = node_required,
     .examples = "grid node trust gpu1\ngrid node trust me@10.0.0.11 --yes",
     .notes = "Compare the fingerprint with what the machine itself says: ssh-keygen -lf "
              "/etc/ssh/ssh_host_ed25519_key.pub. A host whose key has changed is refused (exit code 5), "
              "with both "
              "fingerprints and the command that removes the old one."},
    {.path = "doctor",
     .summary = "Check this machine and the nodes, and say how to mend what is wrong",
     .run = doctor,
     .positionals = node_optional,
     .examples = "grid doctor\ngrid doctor gpu1",
     .notes = "The first bad check explains those after it. Exit code 0: nothing is wrong (there may be "
              "warnings); 1: "
              "something is; 5: a node cannot be reached."},
    {.path = "policy explain",
     .summary = "Show how the policy decides now, with all its figures",
     .run = policy_explain,
     .options = explain_options},
    {.path = "plugin list", .summary = "List the plugins", .run = plugin_list},
    {.path = "plugin info",
     .summary = "Show one plugin and its options",
     .run = plugin_info,
     .positionals = plugin_name,
     .examples = "grid plugin info policy.threshold\ngrid plugin info procfs"},
    {.path = "config check",
     .summary = "Check the configuration, all errors at once",
     .run = config_check,
     .positionals = file_optional},
    {.path = "config show",
     .summary = "Show every setting in force, and where it comes from",
     .run = config_show},
    {.path = "config schema",
     .summary = "Print the JSON Schema of the configuration, for editors",
     .run = config_schema_command},
    {.path = "config init",
     .summary = "Write a first configuration file",
     .run = config_init,
     .positionals = file_optional},
    {.path = "daemon start",
     .summary = "Start the daemon (others start it when they need it)",
     .run = daemon_start},
    {.path = "daemon stop", .summary = "Stop the daemon; what runs goes on", .run = daemon_stop},
    {.path = "daemon run",
     .summary = "Be the daemon, in the foreground",
     .run = daemon_run,
     .options = daemon_options},
    {.path = "daemon status", .summary = "Show the daemon", .run = daemon_status},
    {.path = "completion",
     .summary = "Print the completion script for a shell",
     .run = completion,
     .positionals = shell,
     .examples =
         "source <(grid completion bash)\ngrid completion zsh > ~/.zfunc/_grid\ngrid completion fish > "
         "~/.config/fish/completions/grid.fish"},
    {.path = "help",
     .summary = "Show help for a command, or the exit codes",
     .run = help,
     .positionals = topic,
     .examples = "grid help run\ngrid help exit-codes"},
    {.path = "__complete",
     .summary = "Completions for the words so far",
     .run = complete,
     .positionals = words,
     .stops_at_positional = true,
     .hidden = true},
};

}  // namespace

std::span<const Command> commands() noexcept { return table; }
std::span<const Option> global_options() noexcept { return globals; }

}  // namespace grid::cli
