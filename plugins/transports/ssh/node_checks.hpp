// What `grid doctor` looks at on a node once it answers: the login shell, the run root, the disk, the clock,
// the tools.
#pragma once

#include <vector>

#include "node_thread.hpp"
#include "verbs.hpp"

namespace grid::ssh {

// What came from the node, and what was known here when it came.
struct NodeFindings {
  LoginFacts login;
  std::string output;
  std::string boundary;
  std::string our_machine;           // the head's own machine id; empty: unknown
  bool simulated = false;            // its machine id is made up
  std::int64_t wall_seconds = 0;     // here, in the middle of the round trip
  std::chrono::milliseconds took{};  // the round trip
};

// Pure. In the order of what explains what.
[[nodiscard]] std::vector<Check> judge(const NodeFindings& findings);

// [loop] All outlive the answer. Error: the node does not answer.
void check_node(Host& host, const NodeThread& thread, const Verbs& verbs, const std::string& root,
                bool simulated, Done<std::vector<Check>> done);

}  // namespace grid::ssh
