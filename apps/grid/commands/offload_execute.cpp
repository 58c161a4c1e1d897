// grid offload execute
#include <poll.h>

#include <fmt/format.h>

#include "apps/grid/ask.hpp"
#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"
#include "apps/grid/ending.hpp"
#include "apps/grid/output.hpp"
#include "apps/grid/signals.hpp"
#include "core/base/files.hpp"
#include "core/move/stage.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::cli {
namespace {

// Field 22 of /proc/PID/stat: with it, a pid that is used again between question and answer is told apart.
Result<std::uint64_t> start_ticks(const std::string& pid) {
  auto stat = read_file("/proc/" + pid + "/stat");
  if (!stat)
    return fail(Code::process_not_found, fmt::format("there is no process {}", pid),
                "see: grid offload scan");
  std::size_t at = stat->rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat->find(' ', at + 1);
  if (at == std::string::npos)
    return fail(Code::process_not_found, fmt::format("process {} cannot be read", pid));
  return std::strtoull(stat->c_str() + at, nullptr, 10);
}

Result<std::string> pid_argument(Context& context) {
  if (const auto given = context.arguments.positional(0)) return *given;
  std::vector<Choice> choices;
  if (context.terminal.can_ask()) {
    auto scan = context.get("/v1/candidates");
    // A daemon that has just started has to look twice before it knows who uses the CPU.
    for (int i = 0; i < 10 && scan && scan->value("candidates", Json::array()).empty(); ++i) {
      ::poll(nullptr, 0, 200);
      scan = context.get("/v1/candidates");
    }
    if (!scan) return fail(scan.error());
    for (const Json& each : scan->value("candidates", Json::array())) {
      const auto cpu = each.find("cpu_fraction");
      const std::string load =
          cpu != each.end() && cpu->is_number() ? fmt::format("{:.2f} CPUs", cpu->get<double>()) : "";
      if (choices.size() < 20 && text_of(each, "restartable") != "no")
        choices.push_back({std::to_string(number_of(each, "pid").value_or(0)),
                           fmt::format("{:<10} {}", load, text_of(each, "command"))});
    }
  }
  return pick(context.terminal, "PID", "see: grid offload scan", choices);
}

std::string lines_of(const Json& list) {
  std::string out;
  for (const Json& each : list)
    if (each.is_string()) out += "\n  " + each.get<std::string>();
  return out;
}

// What each node has, and why it does not take it: to stderr, beside the error.
tl::unexpected<Error> refused(const Context& context, const Error& error) {
  const Json nodes = context.error_details().value("nodes", Json::array());
  if (error.code != Code::no_eligible_target || context.json() || !nodes.is_array()) return fail(error);
  std::string table =
      fmt::format("{:<16} {:<9} {:>6} {:>6} {:>9}  {}", "NODE", "STATE", "CPU", "LOAD", "FREE", "REASON");
  for (const Json& node : nodes) {
    const auto number = [&](const char* name) {
      const auto found = node.find(name);
      return found != node.end() && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
    };
    const auto cpu = number("cpu_fraction");
    const auto load = number("load1");
    const auto memory = number("memory_available_bytes");
    table += fmt::format(
        "\n{:<16} {:<9} {:>6} {:>6} {:>9}  {}", visible(text_of(node, "name")), text_of(node, "state"),
        cpu ? fmt::format("{:.0f} %", 100 * *cpu) : "-", load ? fmt::format("{:.1f}", *load) : "-",
        memory ? size_text(static_cast<std::uint64_t>(*memory)) : "-", visible(text_of(node, "reason")));
  }
  context.say(table);
  return fail(error);
}

// Whether the person takes the losses that the plan names.
Result<bool> accepted(Context& context, const Json& plan) {
  if (text_of(plan, "restartable") != "with_loss") return true;
  const std::string losses =
      fmt::format("{} ({}) would lose by a restart:{}", number_of(plan, "pid").value_or(0),
                  text_of(plan, "command"), lines_of(plan.value("reasons", Json::array())));
  if (!context.terminal.can_ask()) return fail(Code::policy_denied, losses, "accept it: --yes");
  return confirm(visible(losses, true) + "\nmove it to " + visible(text_of(plan, "to")) + "?");
}

// Says each phase once, until the move has ended. Nothing where the person has left.
Result<std::optional<Json>> follow(Context& context, const std::string& id) {
  const Signals signals;
  const std::string target = "/v1/executions/" + url_part(id);
  std::string phase;
  while (true) {
    if (signals.take() != 0) return std::optional<Json>();
    auto ended = context.get_patiently(target + "?wait_ms=200");
    if (!ended && ended.error().code != Code::timed_out) return fail(ended.error());
    auto now = ended ? std::move(ended) : context.get_patiently(target);
    if (!now) return fail(now.error());
    const Json move = now->value("move", Json::object());
    // A move is over when its original runs again, although the execution lasts as long as the original does.
    const bool over = is_terminal_state(*now) || text_of(move, "phase") == "done";
    if (const std::string next = text_of(move, "phase"); next != phase) {
      phase = next;
      const std::string node = text_of(*now, "node");
      if (!over) context.say(fmt::format("{}: {}{}", id, phase, node.empty() ? "" : " (" + node + ")"));
    }
    if (over) return std::optional(std::move(*now));
  }
}

Result<int> finish(Context& context, const Json& execution) {
  if (auto shown = context.show(execution); !shown) return fail(shown.error());
  const ExitStory story = exit_story(execution);
  if (text_of(execution, "state") == "completed" && story.code == 0) return 0;
  if (!is_terminal_state(execution))
    context.say(fmt::format("{}: not moved ({}); the original runs on", text_of(execution, "id"),
                            visible(text_of(execution, "reason"))));
  else if (!story.line.empty())
    context.say(story.line);
  return 1;
}

}  // namespace

Result<int> offload_execute(Context& context) {
  const Arguments& arguments = context.arguments;
  auto pid = pid_argument(context);
  if (!pid) return fail(pid.error());
  auto ticks = start_ticks(*pid);
  if (!ticks) return fail(ticks.error());
  const bool dry_run = arguments.has("dry-run");
  Json body{{"pid", std::stol(*pid)}, {"start_ticks", *ticks},
            {"to", nullptr},          {"original", *arguments.text("original")},
            {"trigger", nullptr},     {"accept_loss", arguments.has("yes")},
            {"dry_run", true},        {"stage", !arguments.has("no-stage")}};
  if (const auto to = arguments.text("to")) body["to"] = *to;
  if (const auto trigger = arguments.text("trigger")) body["trigger"] = *trigger;

  if (dry_run || !arguments.has("yes")) {
    auto plan = context.post("/v1/offload", body);
    if (!plan) return refused(context, plan.error());
    if (dry_run) {
      if (auto shown = context.show(*plan); !shown) return fail(shown.error());
      return 0;
    }
    auto yes = accepted(context, *plan);
    if (!yes) return fail(yes.error());
    if (!*yes) return fail(Code::policy_denied, "nothing was moved");
    body["accept_loss"] = true;
  }
  body["dry_run"] = false;
  auto execution = context.post("/v1/offload", body);
  if (!execution) return refused(context, execution.error());
  const std::string id = text_of(*execution, "id");
  if (arguments.has("detach")) {
    if (context.json()) {
      if (auto shown = context.show(*execution); !shown) return fail(shown.error());
    } else if (auto written = write_all(STDOUT_FILENO, id + "\n"); !written) {
      return fail(written.error());
    }
    return 0;
  }
  auto ended = follow(context, id);
  if (!ended) return fail(ended.error());
  if (*ended) return finish(context, **ended);
  context.say(fmt::format(
      "{} goes on\nto see it: grid offload status\nto stop it and resume the original: grid cancel {}", id,
      id));
  return 128 + SIGINT;
}

}  // namespace grid::cli
