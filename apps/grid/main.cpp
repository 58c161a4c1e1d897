// The one binary: finds the command in the table, runs it, and turns errors into words and exit codes.
#include <unistd.h>

#include <exception>
#include <string>
#include <vector>

#include "apps/grid/context.hpp"
#include "apps/grid/help.hpp"
#include "apps/grid/output.hpp"
#include "apps/grid/parse.hpp"

namespace grid::cli {
namespace {

// `grid run` in the foreground speaks for the command: of our own codes it uses those that no command means.
bool speaks_for_command(const Invocation& invocation, const std::vector<std::string>& words) {
  if (invocation.path != "run") return false;
  for (const std::string& word : words)
    if (word == "-d" || word == "--detach")
      return false;
    else if (word == "--")
      break;
  return true;
}

int answer_help(const Invocation& invocation) {
  const std::uint32_t columns = Terminal::find(true, {}).columns;
  const Command* command = invocation.arguments.command;
  const std::string text = command != nullptr        ? command_help(*command, columns)
                           : invocation.path.empty() ? overview(columns)
                                                     : group_help(invocation.path, columns);
  return write_all(STDOUT_FILENO, text) ? 0 : exit_code(Code::storage_failed);
}

int run_words(const std::vector<std::string>& words) {
  Invocation invocation;
  auto parsed = parse(words, invocation);
  if (invocation.version)
    return write_all(STDOUT_FILENO, "grid " GRID_VERSION "\n") ? 0 : exit_code(Code::storage_failed);
  if (invocation.help || (parsed && invocation.path.empty())) return answer_help(invocation);
  const Command* command = invocation.arguments.command;
  const bool json = invocation.arguments.has("json");
  Result<int> code = fail(Error{});
  Json details;
  if (!parsed) {
    code = fail(parsed.error());
  } else {
    const auto columns = invocation.arguments.number("columns");
    const Terminal terminal =
        Terminal::find(invocation.arguments.has("no-color"),
                       columns ? std::optional(static_cast<std::uint32_t>(*columns)) : std::nullopt);
    Context context(std::move(invocation.arguments), terminal);
    try {
      code = command->run(context);
      details = context.error_details();
    } catch (const std::exception& defect) {
      code = fail(Code::internal, std::string("a defect in grid: ") + defect.what());
    }
  }
  if (code) return *code;
  const int shown = show_error(code.error(), command, json, details);
  return speaks_for_command(invocation, words) ? 125 : shown;
}

}  // namespace
}  // namespace grid::cli

int main(int argc, char** argv) {
  return grid::cli::run_words(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
}
