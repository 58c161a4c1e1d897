#include <algorithm>

#include "core/daemon/preflight.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + visible(word);
  return text;
}

std::string where_it_looked(const ProbeSpec& asked, const ProbeReport& report) {
  std::string text = "looked in " + (report.path.empty() ? "an empty PATH" : visible(report.path));
  if (!asked.setup) return text;
  if (report.path_before != report.path) text += "; PATH was " + visible(report.path_before);
  if (!report.sourced.empty())
    text += "; read " + join(report.sourced);
  else if (!asked.setup->source.empty())
    text += "; of " + join(asked.setup->source) + " none exists there";
  return text;
}

}  // namespace

Result<> preflight_verdict(const std::string& node, const ProbeSpec& asked, const ProbeReport& report) {
  std::vector<std::string> missing;
  const auto look = [&](const std::vector<std::string>& programs, const std::vector<std::string>& found) {
    for (std::size_t i = 0; i < programs.size(); ++i) {
      const bool there = i < found.size() && !found[i].empty();
      if (!there && std::find(missing.begin(), missing.end(), programs[i]) == missing.end())
        missing.push_back(programs[i]);
    }
  };
  if (asked.setup) look(asked.setup->require, report.found_required);
  look(asked.programs, report.found);
  if (!missing.empty()) {
    const std::string who = report.user.empty() ? node : node + " (as " + visible(report.user) + ")";
    if (!asked.setup)
      return fail(Code::program_not_found,
                  who + " has no " + join(missing) + ": " + where_it_looked(asked, report),
                  "install it on " + node +
                      ", or describe where it is with environments.NAME.path in the "
                      "configuration");
    const std::string& name = asked.setup->name;
    return fail(Code::program_not_found,
                who + " has no " + join(missing) + ", needed by environment '" + name +
                    "': " + where_it_looked(asked, report),
                "install it on " + node + ", or say where it is there with nodes." + node + ".environments." +
                    name + ".path or .source in the configuration");
  }
  if (!report.missing_folders.empty())
    return fail(Code::preflight_failed, node + " has no folder " + join(report.missing_folders));
  return {};
}

}  // namespace grid
