// Placed work on its way to its node: looks there whether it can run, sends its files, and sends the start;
// in the end it brings the named files home before the end is told. All of it: [loop].
//
// What was done is kept in the task's detail, "starts": before the first file is sent a run is "sending",
// before the start is sent it is "starting". A new daemon goes on with the first as if nothing had been done,
// and asks the node about the second.
#pragma once

#include <set>
#include <string>

#include "core/config/config.hpp"
#include "core/daemon/preflight.hpp"
#include "core/daemon/staging.hpp"

namespace grid {

class Starter {
 public:
  Starter(const Config& config, Host& host, Ledger& ledger, Runs& runs, Preflight& preflight,
          Staging& staging);

  // Once for each run, however many of its elements ask.
  void start(const std::string& run, std::int64_t task);
  // After a restart: takes over a run whose start was certainly not sent. False: its node must be asked.
  bool resume(const ExecutionId& id, const Attempt& attempt);
  // An ending that was reported: true where files have to come home first.
  bool hold(const ExecutionId& id, std::uint32_t attempt, const Ending& ending);

  // For views.
  [[nodiscard]] static Json view(const TaskRecord& record);

 private:
  void look(const std::string& run, std::int64_t task);
  void refuse(const std::string& run, std::int64_t task, const Error& error);
  void refuse_folder(const std::string& run, std::int64_t task, const Error& error);
  void select(const std::string& run, std::int64_t task, const Preflight::Passed& passed);
  void send(const std::string& run, std::int64_t task, const Preflight::Passed& passed,
            const Manifest& inputs);
  void go(const RunSpec& spec);
  void collect(const ExecutionId& id, std::uint32_t attempt, const Ending& ending);
  void collect_here(const ExecutionId& id, std::uint32_t attempt, const Ending& ending);
  void tell(const ExecutionId& id, std::uint32_t attempt, const Ending& ending,
            const Result<Staging::Fetched>& fetched);

  [[nodiscard]] bool sends(const std::string& node, const TaskRecord& record) const;
  [[nodiscard]] RunSpec spec(const std::string& run, const ActiveTask& task,
                             const Preflight::Passed& passed) const;
  void set_phase(std::int64_t task, const std::string& run, const char* phase);
  void set_hint(std::int64_t task, const std::string& hint);

  const Config& config_;
  Host& host_;
  Ledger& ledger_;
  Runs& runs_;
  Preflight& preflight_;
  Staging& staging_;
  Retry retry_;
  std::set<std::string> begun_;       // runs under way to their start
  std::set<ExecutionId> collecting_;  // ended, and not told yet
};

}  // namespace grid
