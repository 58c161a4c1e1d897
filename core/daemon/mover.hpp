// Moves a process tree from the head to a worker: the effects of the engine's moves. What blocks (signals,
// disk) runs on the pool; outcomes come back as events of the ledger. All public calls: [loop].
//
// The order of steps and what a crash at each of them leaves behind: docs/life-of-a-tick.md, "A move".
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "core/config/config.hpp"
#include "core/daemon/ledger.hpp"
#include "core/daemon/preflight.hpp"
#include "core/daemon/staging.hpp"

namespace grid {

class Mover {
 public:
  Mover(const Config& config, const Dirs& dirs, Host& host, Ledger& ledger, Runs& runs, Preflight& preflight,
        Staging& staging);
  ~Mover();

  void effect(const ExecutionId& id, const Effect& effect);
  // For views: phase and files of a move, from the task's detail.
  [[nodiscard]] static Json view(const TaskRecord& record, const Execution& x);

 private:
  struct Tree;  // the original, as it is held
  void preflight(const ExecutionId& id);
  void stage(const ExecutionId& id);
  void put_files(const ExecutionId& id, const std::string& run);
  void refuse_staging(const ExecutionId& id, const std::string& run, const std::string& why);
  void pause(const ExecutionId& id);
  void start(const ExecutionId& id);
  void watch(const ExecutionId& id);
  void collect(const ExecutionId& id);
  void end_tree(const ExecutionId& id);
  void resume(const ExecutionId& id);

  // While nothing of the original was touched, a node that does not answer is waited for this long.
  [[nodiscard]] std::function<bool()> patience(const ExecutionId& id) const;
  [[nodiscard]] RunSpec spec(const std::string& run, const ActiveTask& task) const;
  // The tree of a move, held anew after a restart. Null: it is gone.
  std::shared_ptr<Tree> tree(const ExecutionId& id);
  [[nodiscard]] std::filesystem::path report(const ExecutionId& id) const;

  const Config& config_;
  const Dirs& dirs_;
  Host& host_;
  Ledger& ledger_;
  Runs& runs_;
  Preflight& preflight_;
  Staging& staging_;
  Retry retry_;
  // What the environment sets, of moves between their preflight and their start.
  std::map<ExecutionId, std::vector<std::string>> variables_;
  std::map<ExecutionId, std::shared_ptr<Tree>> trees_;
  std::map<ExecutionId, std::unique_ptr<Host::Handle>> watches_;
};

}  // namespace grid
