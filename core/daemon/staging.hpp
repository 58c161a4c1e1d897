// Files on their way to the work folder of a run, and home from it; for tasks and for moves. Each step is
// repeated while the link fails in a way that may pass, and is safe to repeat. All public calls: [loop].
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config/config.hpp"
#include "core/daemon/ledger.hpp"
#include "core/daemon/retry.hpp"
#include "core/daemon/runs.hpp"
#include "core/move/stage.hpp"

namespace grid {

class Staging {
 public:
  Staging(const Config& config, Host& host, Ledger& ledger, Runs& runs);

  // Which of a task's files travel: offload.stage of the configuration.
  [[nodiscard]] static Result<StageRules> rules(const Config& config);

  // preflight_failed: that folder is never sent as a whole.
  [[nodiscard]] static Result<> may_send_all(const std::filesystem::path& cwd);
  [[nodiscard]] static std::filesystem::path home_folder();

  // Asked after each error that may pass: false gives up, and `done` gets the error.
  using Wanted = std::function<bool()>;

  struct Sending {
    std::int64_t task = 0;
    std::string node;
    RunSpec spec;
    std::vector<FileCopy> files;
    std::uint64_t bytes = 0;
  };
  // prepare → put.
  void send(const Sending& what, const Wanted& wanted, const Done<>& done);

  struct Fetching {
    std::int64_t task = 0;
    std::string node;
    std::string run;
    std::filesystem::path cwd;
    Manifest before;                               // as it was at home when the run was prepared
    std::optional<std::vector<std::string>> only;  // outputs that were named; none: all that changed
  };
  struct Fetched {
    std::vector<std::string> returned;   // relative to cwd
    std::vector<std::string> conflicts;  // names they got, for their own were changed at home
    std::vector<std::pair<std::string, std::string>> refused;  // path, reason
    std::vector<std::string> missing;                          // of those that were named
  };
  // list → what changed → get.
  void fetch(const Fetching& what, const Wanted& wanted, const Done<Fetched>& done);

  struct Progress {
    std::string phase;  // "sending", "fetching"
    std::uint64_t done_bytes = 0;
    std::uint64_t total_bytes = 0;
  };
  // Of a copy under way; null: there is none.
  [[nodiscard]] const Progress* progress(std::int64_t task) const;

 private:
  [[nodiscard]] std::function<bool(const Error&)> again(std::int64_t task, const std::string& node,
                                                        const Wanted& wanted);
  grid::Progress counted(std::int64_t task, const char* phase, std::uint64_t bytes);
  void get(const Fetching& what, const std::shared_ptr<Fetched>& fetched, const std::vector<FileCopy>& files,
           std::uint64_t bytes, const Wanted& wanted, const Done<Fetched>& done);

  const Config& config_;
  Host& host_;
  Ledger& ledger_;
  Runs& runs_;
  Retry retry_;
  std::map<std::int64_t, Progress> progress_;
};

}  // namespace grid
