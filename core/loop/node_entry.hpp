// What Nodes keeps of one node. Internal to nodes*.cpp.
#pragma once

#include <chrono>

#include "core/loop/nodes.hpp"

namespace grid {

struct Nodes::Entry {
  std::string name;
  NodeConfig config;
  Role role = Role::worker;
  bool accepts_work = true;
  bool on_demand = false;                                      // only a command named it
  std::vector<std::shared_ptr<RunningMetricsSource>> sources;  // in the order in which they fill a sample
  std::optional<Error> open_error;
  std::unique_ptr<Link> link;

  Link::Identity identity;
  bool identified = false;  // since the link last failed
  bool identifying = false;
  bool identity_asked = false;  // and answered or failed, at least once
  std::optional<Error> identity_error;

  bool reading = false;  // or sampling
  Time read_began{};
  bool read_ended = false;          // at least once
  bool prompt = true;               // a turn waits for it
  std::optional<Error> read_error;  // of the last read
  std::string sample_problem;
  std::shared_ptr<const Reading> before;
  Sample sample;
  Time sampled{};
  bool has_sample = false;
};

// A turn that waits for its nodes.
struct Nodes::Turn {
  std::function<void()> done;
  std::size_t workers = 0;
  bool head = false;
  bool late = false;
  std::unique_ptr<Host::Handle> timer;

  void look() {
    if (!done || head || (workers > 0 && !late)) return;
    timer.reset();
    std::exchange(done, nullptr)();
  }
};

// A made-up machine id that stays the same for a name on this machine, and is no real one.
[[nodiscard]] inline std::string simulated_machine_id(const std::string& name) { return "simulated-" + name; }

}  // namespace grid
