// Runs on nodes: starts what was placed, follows what runs, and turns what transports report into events of
// the ledger. It owns the reservations. All of it: [loop].
//
// Links come and go. What fails with a retryable error is said again until it is known: a start (the same
// nonce starts it at most once), a cancel, a forget.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/daemon/ledger.hpp"
#include "core/daemon/retry.hpp"
#include "core/loop/nodes.hpp"
#include "grid/sdk/transport.hpp"

namespace grid {

// Where a piece of a log comes from: the run directory of an attempt.
struct LogSource {
  std::string node;
  std::string run;
  std::uint32_t element = 0;
};

class Runs : public RunSink {
 public:
  Runs(Ledger& ledger, Host& host);
  // Before anything else; the nodes need the sink first.
  void use(Nodes& nodes) { nodes_ = &nodes; }

  // A new run directory for elements of a task, written with the next commit. `moved`: of a move, named by
  // the attempt.
  std::string make(const ActiveTask& task, const std::string& node, const std::vector<RunElement>& elements,
                   std::uint32_t slots);
  // Knows a run again that was made before the daemon was started and whose start was never sent. False: the
  // store has forgotten it.
  bool remake(const ActiveTask& task, const Attempt& attempt, const RunElement& element, std::uint32_t slots);
  // What the transport is told of it; `task` is as the node is to see it.
  [[nodiscard]] RunSpec spec(const std::string& run, const ActiveTask& of, Task task, bool work_folder) const;
  // Sends the start, once.
  void start(const RunSpec& spec);
  // Made, wanted, and its start was not sent.
  [[nodiscard]] bool pending(const std::string& run) const;
  [[nodiscard]] std::string node(const std::string& run) const;
  [[nodiscard]] std::uint32_t slots(const std::string& run) const;
  // It was not started and will not be.
  void refuse(const std::string& run, const std::string& why);
  // The same for want of its program: its elements end as those do whose program is not found.
  void end_unstarted(const std::string& run, const std::string& why);
  // Made, and not to be started any more: gives back what was reserved for it.
  void discard(const std::string& run);
  // After a restart: knows the run again and asks its node what became of it.
  void attach(const ExecutionId& id, const Attempt& attempt);
  // Collected, and sent by send_cancels().
  void cancel(const ExecutionId& id, const Attempt& attempt);
  void send_cancels();
  void signal(const ExecutionId& id, int signal, Done<> done);
  // The directory may go if it holds nothing that anybody could ask for.
  void forget(const ExecutionId& id, const Attempt& attempt);
  void read_log(const LogSource& source, Stream stream, std::uint64_t offset, std::uint64_t max_bytes,
                Done<LogChunk> done);

  [[nodiscard]] std::map<std::string, Nodes::Load> load() const;
  [[nodiscard]] Link* link(const std::string& node);
  [[nodiscard]] Run named(const std::string& run) const;
  void on_room(std::function<void()> freed) { freed_ = std::move(freed); }
  // Asked before an ending is told: true takes it over, and the asked one tells it later.
  using Hold = std::function<bool(const ExecutionId&, std::uint32_t attempt, const Ending&)>;
  void on_end(Hold hold) { hold_ = std::move(hold); }
  // Why the work of a task does not go on now; empty: it does.
  void say_wait(std::int64_t task, const std::string& why);

  void started(const Run& run, const std::vector<RunStarted>& elements) override;
  void ended(const Run& run, const std::vector<RunEnded>& elements) override;
  void lost(const Run& run, const std::string& why) override;
  void finished(const Run& run) override;

 private:
  struct Info {
    std::int64_t task = 0;
    std::string node;
    std::string nonce;
    Resources needs;
    std::uint32_t slots = 1;
    std::vector<RunElement> elements;
    std::uint32_t ended = 0;
    std::set<std::uint32_t> held;         // elements that ended, which somebody else tells later
    bool sent = false;                    // started or attached
    bool unwanted = false;                // cancelled while nobody knew whether it had started
    std::uint32_t failures = 0;           // of starts in a row
    bool quiet = true;                    // every element so far: code 0, no output
    std::unique_ptr<Host::Handle> again;  // the node did not say what became of it
  };
  // What became of it, until the node answers; `why` is told if it never started.
  void ask(const std::string& run, const std::string& why);
  void cancel_dropped(const RunSpec& spec);
  void send(const RunSpec& spec);
  void drop_unsent(const std::string& run, std::vector<std::uint32_t> elements);
  void release(const std::string& run);
  void drop(const std::string& run, const std::string& node);
  void forget_there(const std::string& run, const std::string& node, std::uint32_t failures);

  Ledger& ledger_;
  Host& host_;
  Nodes* nodes_ = nullptr;
  std::map<std::string, Info> runs_;
  std::map<std::string, std::vector<std::uint32_t>> cancels_;
  std::map<std::string, std::uint32_t> cancel_failures_;
  Retry retry_;
  std::function<void()> freed_;
  Hold hold_;
};

}  // namespace grid
