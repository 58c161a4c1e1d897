// The daemon's services around the one loop: what is asked of it by the API, and what the loop asks of it.
// All of it: [loop].
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/config/config.hpp"
#include "core/daemon/ledger.hpp"
#include "core/daemon/mover.hpp"
#include "core/daemon/preflight.hpp"
#include "core/daemon/runs.hpp"
#include "core/daemon/staging.hpp"
#include "core/daemon/starter.hpp"
#include "core/loop/loop.hpp"

namespace grid {

struct OffloadRequest {
  std::int32_t pid = 0;
  std::optional<std::uint64_t> start_ticks;
  std::string to;  // empty: the best
  Original original = Original::pause;
  bool accept_loss = false;
  bool dry_run = false;
  bool stage = true;
  std::string trigger;  // what the move is to relieve; empty: not said
};

class Service : public LoopServices {
 public:
  Service(const Config& config, const Dirs& dirs, Host& host, Registry& registry, Store store);
  ~Service() override;

  // Loads the store, opens the nodes, takes over what the daemon before left, and starts turning. `ready` is
  // called after the first turn: from then on there is something to answer with.
  Result<> start(std::function<void()> ready);
  // A planned stop: commits what is open. Tasks go on under their shims.
  void stop();

  Result<Json> submit(const Json& body);
  Result<Json> cancel(const std::string& id);
  void signal(const std::string& id, int signal, Done<Json> done);
  void offload(const OffloadRequest& request, Done<Json> done);
  [[nodiscard]] Result<Json> execution(const std::string& id);
  [[nodiscard]] Result<Json> executions(bool all, std::int64_t limit);
  // Where the logs of an execution lie; no run: there is nothing to read (yet).
  struct Logs {
    LogSource source;
    bool exists = false;
    bool final = false;
  };
  [[nodiscard]] Result<Logs> logs(const std::string& id, Stream stream);
  [[nodiscard]] Json snapshot_view();
  [[nodiscard]] Json candidates_view();
  [[nodiscard]] Result<Json> history(std::int64_t limit);
  [[nodiscard]] Result<Json> why(const std::string& subject);
  // grid/doctor/1 of one node, or of all when `node` is empty.
  void doctor(const std::string& node, const std::string& version, Done<Json> done);
  // grid/host-keys/1: what the host shows now.
  void host_keys(const std::string& node, Done<Json> done);
  // Records the key with this fingerprint; a host of which any key has changed is host_key_mismatch.
  void trust(const std::string& node, const std::string& fingerprint, Done<Json> done);
  [[nodiscard]] Json nodes_view() const;
  // A node that has just come into the configuration: as Nodes::add.
  Result<Json> add_node(const std::string& name);
  Result<Json> record_scan(const Json& scan, const std::string& memory);

  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] Runs& runs() { return runs_; }
  [[nodiscard]] const Config& config() const { return config_; }
  // While what it returns lives, somebody watches: nodes and processes are looked at more often.
  [[nodiscard]] std::shared_ptr<void> watch();

  // LoopServices
  void scan(std::function<void(Result<HeadScan>)> done) override;
  [[nodiscard]] std::map<std::string, Nodes::Load> load() const override { return runs_.load(); }
  void complete(Snapshot& snapshot) const override;
  [[nodiscard]] std::string memory() const override { return memory_; }
  void place(const Snapshot& snapshot) override;
  void record(const Turn& turn) override;
  void show(const Turn&) override {}  // clients take the view when they want it

 private:
  friend class Offload;
  [[nodiscard]] Result<> check_node(const std::string& name);
  friend class Doctor;
  void effect(const ExecutionId& id, const Effect& effect);
  void place_queued();
  void place_soon();
  bool can_take(ActiveTask& task);
  bool place_elements(ActiveTask& task, const std::vector<Node>& nodes, bool& room_left);
  void turn();
  void turned();
  void housekeeping();
  [[nodiscard]] bool simulated(const std::string& node) const { return nodes_.simulated(node); }
  struct Found {
    TaskRecord record;
    std::vector<Execution> elements;
    std::optional<std::uint32_t> element;  // of an array
    [[nodiscard]] const Execution& one() const { return elements.at(element.value_or(0)); }
    [[nodiscard]] bool whole_array() const { return record.array.has_value() && !element; }
  };
  [[nodiscard]] Result<Found> find(const std::string& id);
  [[nodiscard]] Json view(const Found& found) const;
  // What every view carries: when it was taken, and which nodes are simulated.
  [[nodiscard]] Json stamped(Json view) const;

  const Config& config_;
  const Dirs& dirs_;
  Host& host_;
  Registry& registry_;
  Ledger ledger_;
  Runs runs_;
  Nodes nodes_;
  Preflight preflight_;
  Staging staging_;
  Starter starter_;
  Mover mover_;
  std::unique_ptr<Loop> loop_;
  std::shared_ptr<RunningPolicy> policy_;
  std::shared_ptr<HeadScanner> scanner_;
  HeadScan last_scan_;
  std::int64_t scanned_ms_ = 0;  // monotonic
  std::string memory_;
  std::string last_decision_;  // as stored: only changes are
  bool placing_ = false;
  std::function<void()> ready_;  // until the first turn
  std::shared_ptr<std::uint32_t> watchers_ = std::make_shared<std::uint32_t>(0);
  std::unique_ptr<Host::Handle> turn_timer_;
  std::unique_ptr<Host::Handle> housekeeping_timer_;
};

// "7" or "7.3". usage: neither.
struct ParsedId {
  std::int64_t task = 0;
  std::optional<std::uint32_t> element;
};
[[nodiscard]] Result<ParsedId> parse_id(std::string_view text);

}  // namespace grid
