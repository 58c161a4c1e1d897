#include "core/move/task_on_node.hpp"

#include <algorithm>
#include <array>

namespace grid {
namespace {

// Without them hardly any program works.
constexpr std::array<std::string_view, 6> usual{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR"};

constexpr std::array<std::string_view, 26> others{"TMP",
                                                  "TEMP",
                                                  "TEMPDIR",
                                                  "MAIL",
                                                  "HOSTNAME",
                                                  "HOST",
                                                  "XDG_RUNTIME_DIR",
                                                  "XDG_CONFIG_HOME",
                                                  "XDG_CONFIG_DIRS",
                                                  "XDG_DATA_HOME",
                                                  "XDG_DATA_DIRS",
                                                  "XDG_CACHE_HOME",
                                                  "XDG_STATE_HOME",
                                                  "DISPLAY",
                                                  "WAYLAND_DISPLAY",
                                                  "XAUTHORITY",
                                                  "DBUS_SESSION_BUS_ADDRESS",
                                                  "SSH_AUTH_SOCK",
                                                  "SSH_AGENT_PID",
                                                  "SSH_CONNECTION",
                                                  "SSH_CLIENT",
                                                  "SSH_TTY",
                                                  "GPG_AGENT_INFO",
                                                  "LD_LIBRARY_PATH",
                                                  "MANPATH",
                                                  "INFOPATH"};

// Of the shell that was left behind: true nowhere else, and nothing that a node could fill in.
constexpr std::array<std::string_view, 3> folders{"PWD", "OLDPWD", "_"};

template <class List>
bool holds(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

}  // namespace

bool belongs_to_machine(std::string_view name) {
  return holds(usual, name) || holds(others, name) || holds(folders, name);
}

CarriedEnvironment carry_environment(const std::vector<std::string>& environment,
                                     const std::vector<std::string>& named) {
  CarriedEnvironment carried;
  for (const std::string_view name : usual)
    if (!holds(named, name)) carried.inherit.emplace_back(name);
  for (const std::string& entry : environment) {
    const std::string_view name = name_of(entry);
    if (holds(named, name) || !belongs_to_machine(name))
      carried.environment.push_back(entry);
    else if (holds(others, name) && !holds(carried.inherit, name))
      carried.inherit.emplace_back(name);
  }
  return carried;
}

void set_variables(Task& task, const std::vector<std::string>& variables) {
  for (const std::string& variable : variables) {
    const std::string_view name = name_of(variable);
    std::erase(task.inherit, name);
    const auto same = std::find_if(task.environment.begin(), task.environment.end(),
                                   [&](const std::string& entry) { return name_of(entry) == name; });
    if (same == task.environment.end())
      task.environment.push_back(variable);
    else
      *same = variable;
  }
}

std::string path_on_node(const std::string& path,
                         const std::map<std::string, std::string, std::less<>>& paths) {
  std::string_view best;
  std::string_view there;
  for (const auto& [from, to] : paths) {
    std::string_view folder = from;
    while (folder.size() > 1 && folder.back() == '/') folder.remove_suffix(1);
    const bool inside = path.starts_with(folder) &&
                        (path.size() == folder.size() || path[folder.size()] == '/' || folder == "/");
    if (!inside || (!best.empty() && folder.size() <= best.size())) continue;
    best = folder;
    there = to;
  }
  if (best.empty()) return path;
  while (there.size() > 1 && there.back() == '/') there.remove_suffix(1);
  const std::string_view rest = std::string_view(path).substr(best == "/" ? 0 : best.size());
  if (there == "/") return rest.empty() ? "/" : std::string(rest);
  return std::string(there) + std::string(rest == "/" ? "" : rest);
}

}  // namespace grid
