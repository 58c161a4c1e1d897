// grid help
#include "apps/grid/help.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"
#include "apps/grid/output.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::cli {

Result<int> help(Context& context) {
  std::string topic;
  for (const std::string& word : context.arguments.positionals()) topic += topic.empty() ? word : " " + word;
  const std::uint32_t columns = context.terminal.columns;
  std::string text;
  if (topic.empty()) {
    text = overview(columns);
  } else if (topic == "exit-codes") {
    text = exit_codes_help();
  } else if (const Command* command = find_command(topic)) {
    text = command_help(*command, columns);
  } else if (is_group(topic)) {
    text = group_help(topic, columns);
  } else {
    std::vector<std::string> names{"exit-codes"};
    for (const Command& each : commands())
      if (!each.hidden) names.emplace_back(each.path);
    const std::string_view near = nearest(topic, names);
    return fail(Code::not_found, fmt::format("there is no help on '{}'", topic),
                near.empty() ? "see: grid help" : fmt::format("did you mean 'grid help {}'?", near));
  }
  if (auto written = write_all(STDOUT_FILENO, text); !written) return fail(written.error());
  return 0;
}

}  // namespace grid::cli
