// Runs the elements of one spec, `slots` at a time, and writes what becomes of them into the journal. One
// thread; waits for SIGCHLD, SIGTERM (look at the cancel markers and the lease), SIGCONT and the next time
// something is due. The lease is looked at before anything else after each wait. The current folder is the
// run directory.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <unordered_set>
#include <vector>

#include "apps/shim/descendants.hpp"
#include "apps/shim/journal.hpp"
#include "apps/shim/launcher.hpp"
#include "apps/shim/lease.hpp"

namespace grid::shim {

class Runner {
 public:
  // The gate has been passed; SIGCHLD and SIGTERM are blocked.
  Runner(run_directory::Spec spec, Fd journal);
  // Until every element has ended and the journal says so on the disk.
  void run();

 private:
  using Clock = Journal::Clock;

  // An element from its start until nothing of it is left.
  struct Running {
    RunElement element;
    ProcessId process;
    std::optional<Ending> ending;              // of the process itself
    std::optional<Clock::time_point> kill_at;  // it is to end, by force from then on
    bool killed = false;
    bool fenced = false;  // it ends because the lease is over
    std::set<ProcessId> leftovers;
  };
  struct Slot {
    explicit Slot(std::uint32_t index) : logs(index) {}
    SlotLogs logs;
    std::optional<Running> running;
  };

  void fill();
  void start(std::uint32_t index, const RunElement& element);
  void wait();
  void reap();
  void settle();
  void settle(Slot& slot, Clock::time_point now);
  void read_cancels();
  [[nodiscard]] bool cancelled(std::uint32_t element) const;
  void stop(Running& running, Clock::time_point kill_at);
  void look_at_lease();
  void fence(Lease::Time now);
  void signal_all(const Running& running, int signal);
  [[nodiscard]] std::vector<pid_t> orphans();
  [[nodiscard]] Slot* owner(const run_directory::ProcessFacts& orphan);
  [[nodiscard]] std::vector<ProcessId> left_of(const Running& running);
  [[nodiscard]] Clock::time_point due() const;

  run_directory::Spec spec_;
  Journal journal_;
  Launcher launcher_;
  Children children_;
  std::vector<Slot> slots_;
  std::size_t next_ = 0;  // first element that was not yet looked at
  std::size_t busy_ = 0;  // slots in use
  Lease lease_;
  bool fenced_ = false;  // nothing starts any more
  bool cancel_all_ = false;
  std::unordered_set<std::uint32_t> cancels_;
  std::set<ProcessId>
      beyond_reach_;  // may not be signalled (changed its user): cannot be ended, is not waited for
};

}  // namespace grid::shim
