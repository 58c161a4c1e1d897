// Whether a task can run on a node, and what it is there: the environment that it needs is looked for on the
// node itself, before it starts. All of it: [loop].
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config/config.hpp"
#include "core/daemon/run_options.hpp"
#include "core/loop/nodes.hpp"
#include "core/store/store.hpp"
#include "grid/sdk/host.hpp"

namespace grid {

class Preflight {
 public:
  Preflight(const Config& config, Host& host, Nodes& nodes);

  // What to look for besides what the environment requires.
  struct Wanted {
    bool program = true;   // the task's own; false: it comes with the files
    bool folder = false;   // the task's cwd
    std::string marker{};  // see ProbeSpec
  };
  struct Passed {
    std::string environment;             // its name; empty: none
    std::vector<std::string> variables;  // what it sets for the task
    ProbeReport report;
  };

  // Another machine: neither this one nor one that pretends.
  [[nodiscard]] bool elsewhere(const std::string& node) const;
  // The task as `node` will see it: variables of this machine are the node's own there, folders are mapped.
  [[nodiscard]] Task on_node(const std::string& node, const TaskRecord& record) const;
  // The environment of the configuration that it needs there; the name "none" or no match: nothing.
  [[nodiscard]] std::optional<EnvironmentSetup> setup(const std::string& node,
                                                      const TaskRecord& record) const;
  // Whether anything has to be looked at.
  [[nodiscard]] bool needed(const std::string& node, const TaskRecord& record, const Wanted& wanted) const;
  // One round trip, or none where the same was found within the last minute. Errors: program_not_found (what
  // is missing, where it was looked for, and how to fix it), preflight_failed (no such folder), the link's.
  void look(const std::string& node, const TaskRecord& record, const Wanted& wanted, Done<Passed> done);
  // What was found there counts no more: the node was started anew.
  void forget(const std::string& node);

 private:
  struct Known {
    std::string node;
    std::chrono::milliseconds at;
    Passed passed;
  };
  const Config& config_;
  Host& host_;
  Nodes& nodes_;
  std::map<std::string, Known> known_;
};

// Pure. What a report says of what was asked for.
[[nodiscard]] Result<> preflight_verdict(const std::string& node, const ProbeSpec& asked,
                                         const ProbeReport& report);

}  // namespace grid
