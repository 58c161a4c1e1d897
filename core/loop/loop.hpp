// The one loop: read → sample → snapshot → decide → place → run → record → show.
//
// The daemon turns it on a timer; `grid offload scan` is one turn without place and run. Start reading at
// Loop::turn(). All of it: [loop].
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/loop/nodes.hpp"
#include "core/registry/registry.hpp"
#include "core/scan/scan.hpp"
#include "grid/sdk/policy.hpp"

namespace grid {

// What a turn came to. `snapshot` is immutable from here on.
struct Turn {
  std::shared_ptr<const Snapshot> snapshot;
  Decision decision;
  std::string memory;   // of the policy, to be given back next time
  std::string problem;  // why there is no decision; empty: there is one
  std::uint32_t processes = 0;
};

// What differs between the daemon and a lone scan.
class LoopServices {
 public:
  virtual ~LoopServices() = default;
  // Scans the head's processes, off the loop; an error leaves the turn without candidates.
  virtual void scan(std::function<void(Result<HeadScan>)> done) = 0;
  // What the grid itself holds on each node.
  [[nodiscard]] virtual std::map<std::string, Nodes::Load> load() const = 0;
  // Adds what only the service knows: the queue, and which candidates are held by executions.
  virtual void complete(Snapshot& snapshot) const = 0;
  // The policy's memory from the turn before.
  [[nodiscard]] virtual std::string memory() const = 0;
  virtual void place(const Snapshot& snapshot) = 0;  // and run
  virtual void record(const Turn& turn) = 0;
  virtual void show(const Turn& turn) = 0;
};

class Loop {
 public:
  Loop(const Config& config, Host& host, Nodes& nodes, std::shared_ptr<RunningPolicy> policy,
       LoopServices& services);

  // One turn. `done` is called once, on the loop. Turns do not overlap: false when one is under way.
  bool turn(std::function<void(const Turn&)> done);
  [[nodiscard]] std::shared_ptr<const Turn> last() const { return last_; }

 private:
  void read(std::function<void()> next);
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot();
  void decide(std::shared_ptr<const Snapshot> snapshot, std::function<void()> next);

  const Config& config_;
  Host& host_;
  Nodes& nodes_;
  std::shared_ptr<RunningPolicy> policy_;
  LoopServices& services_;
  std::uint64_t version_ = 0;
  bool turning_ = false;
  HeadScan scan_;
  std::shared_ptr<Turn> current_;
  std::shared_ptr<const Turn> last_;
};

}  // namespace grid
