#include "apps/grid/ask.hpp"

#include <unistd.h>

#include <optional>

#include <fmt/format.h>

#include "apps/grid/output.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::cli {
namespace {

std::optional<std::string> read_line() {
  std::string line;
  char c = 0;
  while (::read(STDIN_FILENO, &c, 1) == 1) {
    if (c == '\n') return line;
    line += c;
  }
  if (line.empty()) return std::nullopt;
  return line;
}

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(" \t\r"));
  text.erase(text.find_last_not_of(" \t\r") + 1);
  return text;
}

void say(std::string_view text) { (void)write_all(STDERR_FILENO, text); }

}  // namespace

Result<std::string> pick(const Terminal& terminal, std::string_view name, std::string_view hint,
                         const std::vector<Choice>& choices) {
  if (!terminal.can_ask()) return fail(Code::usage, fmt::format("{} is missing", name), std::string(hint));
  if (choices.empty())
    return fail(Code::usage, fmt::format("{} is missing, and there is none to pick from", name),
                std::string(hint));
  for (std::size_t i = 0; i < choices.size(); ++i)
    say(fmt::format("{:>4}) {:<8} {}\n", i + 1, choices[i].value, visible(choices[i].label)));
  constexpr int tries = 3;
  for (int i = 0; i < tries; ++i) {
    say(fmt::format("{} (1-{}): ", name, choices.size()));
    const auto line = read_line();
    if (!line) {
      say("\n");
      break;
    }
    const std::string answer = trimmed(*line);
    for (std::size_t n = 0; n < choices.size(); ++n)
      if (answer == std::to_string(n + 1)) return choices[n].value;
    for (const Choice& choice : choices)
      if (answer == choice.value) return choice.value;
    if (answer.empty()) break;
    say(fmt::format("'{}' is not on the list\n", visible(answer)));
  }
  return fail(Code::usage, fmt::format("{} is missing: nothing was picked", name), std::string(hint));
}

bool confirm(std::string_view question) {
  say(fmt::format("{} [y/N] ", question));
  const auto line = read_line();
  if (!line) say("\n");
  const std::string answer = trimmed(line.value_or(""));
  return answer == "y" || answer == "Y" || answer == "yes";
}

Result<std::string> execution_argument(Context& context, bool running) {
  if (const auto given = context.arguments.positional(0)) return *given;
  std::vector<Choice> choices;
  if (context.terminal.can_ask()) {
    auto list = context.get("/v1/executions?limit=100");
    if (!list) return fail(list.error());
    for (const Json& each : list->value("executions", Json::array())) {
      const std::string state = each.value("state", "");
      if (running && state != "queued" && state != "running") continue;
      if (choices.size() < 20)
        choices.push_back({each.value("id", ""), fmt::format("{:<10} {}", state, each.value("command", ""))});
    }
  }
  return pick(context.terminal, "ID", "see: grid ps", choices);
}

}  // namespace grid::cli
