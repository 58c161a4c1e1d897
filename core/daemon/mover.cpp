#include "core/daemon/mover.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/daemon/crash_point.hpp"
#include "core/daemon/manifest_json.hpp"
#include "core/move/guard.hpp"
#include "core/move/return_plan.hpp"
#include "core/move/stage.hpp"
#include "core/move/tree.hpp"

namespace grid {

// Two jobs of the pool may speak of one tree: a look at it, and its end.
struct Mover::Tree {
  explicit Tree(ProcessTree held) : tree(std::move(held)) {}
  ProcessTree tree;
  std::optional<Guard> guard;
  std::mutex busy;
};

Mover::Mover(const Config& config, const Dirs& dirs, Host& host, Ledger& ledger, Runs& runs)
    : config_(config), dirs_(dirs), host_(host), ledger_(ledger), runs_(runs) {}

Mover::~Mover() = default;

void Mover::effect(const ExecutionId& id, const Effect& effect) {
  switch (effect.kind) {
    case EffectKind::preflight:
      return preflight(id);
    case EffectKind::stage:
      return stage(id);
    case EffectKind::pause:
      return pause(id);
    case EffectKind::start:
      return start(id);
    case EffectKind::watch:
      return watch(id);
    case EffectKind::collect:
      return collect(id);
    case EffectKind::end_tree:
      return end_tree(id);
    case EffectKind::resume:
      return resume(id);
    case EffectKind::attach:
    case EffectKind::cancel:
    case EffectKind::forget:
      return;  // of the run, not of the tree
  }
}

std::filesystem::path Mover::report(const ExecutionId& id) const {
  return dirs_.state / "guards" / std::to_string(id.task);
}

void Mover::preflight(const ExecutionId& id) {
  const ActiveTask* task = ledger_.active(id.task);
  const Execution& x = task->elements.front();
  const TaskRecord& record = task->record;
  const std::string target = x.move->target;
  Link* link = runs_.link(target);
  if (link == nullptr) return ledger_.apply(id, event::Refused{"node_unreachable: " + target});
  const std::string staging = record.detail.value("staging", std::string("copy"));
  ProbeSpec probe;
  probe.programs = {record.task.argv.front()};
  probe.environment = record.task.environment;
  std::shared_ptr<Marker> marker;
  if (staging == "none") {
    probe.folders = {record.task.cwd};
  } else if (auto made = Marker::make(record.task.cwd)) {
    marker = std::make_shared<Marker>(std::move(*made));
    probe.marker = marker->path();
  }
  // A program named by a path in the working folder travels with it, so it need not be there yet.
  const bool travels = staging == "copy" && record.task.argv.front().find('/') != std::string::npos &&
                       (record.task.argv.front().front() != '/' ||
                        record.task.argv.front().starts_with(record.task.cwd + "/"));
  if (travels) probe.programs.clear();
  link->probe(probe, [this, id, marker, staging, target](Result<ProbeReport> report) {
    const ActiveTask* found = ledger_.active(id.task);
    if (found == nullptr) return;
    if (!report) return ledger_.apply(id, event::Refused{"preflight_failed: " + report.error().message});
    if (!report->found.empty() && report->found.front().empty())
      return ledger_.apply(
          id, event::Refused{fmt::format("preflight_failed: {} has no program {}; looked in {}", target,
                                         found->record.task.argv.front(), report->path)});
    if (!report->missing_folders.empty())
      return ledger_.apply(id, event::Refused{fmt::format("preflight_failed: {} has no folder {}", target,
                                                          report->missing_folders.front())});
    if (staging == "copy" && report->marker_seen) {
      Json detail = found->record.detail;
      detail["staging"] = "shared";  // both sides see the same folder: nothing to copy
      ledger_.set_detail(id.task, std::move(detail));
    }
    ledger_.apply(id, event::PreflightPassed{});
  });
}

void Mover::stage(const ExecutionId& id) {
  const ActiveTask* task = ledger_.active(id.task);
  const bool copy = task->record.detail.value("staging", std::string("copy")) == "copy";
  const std::uint32_t number = task->elements.front().attempts.empty() ? 1 : 2;
  const std::string run = runs_.make(*task, task->elements.front().move->target, {{0, number}}, 1);
  if (!copy) return ledger_.apply(id, event::Staged{run});
  StageRules rules;
  rules.max_bytes = config_.offload.stage.max_bytes;
  std::string patterns;
  for (const std::string& pattern : config_.offload.stage.ignore) patterns += pattern + "\n";
  if (auto ignore = IgnoreRules::parse(patterns, "offload.stage.ignore"))
    rules.ignore = std::move(*ignore);
  else
    return refuse_staging(id, run, ignore.error().message);
  host_.work([this, id, run, rules, cwd = task->record.task.cwd] {
    auto manifest = std::make_shared<Result<Manifest>>(make_manifest(cwd, rules));
    host_.post([this, id, run, manifest] {
      const ActiveTask* found = ledger_.active(id.task);
      if (found == nullptr) return;
      if (!*manifest) return refuse_staging(id, run, (*manifest).error().message);
      Json detail = found->record.detail;
      detail["staged_files"] = (*manifest)->entries.size();
      detail["staged_bytes"] = (*manifest)->bytes;
      detail["manifest"] = manifest_to_json(**manifest);
      ledger_.set_detail(id.task, detail);
      // After the commit: a run directory is written down before it is made.
      ledger_.after_commit([this, id, run, detail] { put_files(id, run, detail); });
    });
  });
}

void Mover::refuse_staging(const ExecutionId& id, const std::string& run, const std::string& why) {
  runs_.discard(run);
  ledger_.apply(id, event::Refused{why});
}

void Mover::put_files(const ExecutionId& id, const std::string& run, Json staged) {
  const ActiveTask* task = ledger_.active(id.task);
  Link* link = task == nullptr ? nullptr : runs_.link(task->elements.front().move->target);
  if (link == nullptr) return;
  link->prepare(runs_.spec(run, *task, true), [this, id, run, link, staged](Result<> prepared) {
    const ActiveTask* found = ledger_.active(id.task);
    if (found == nullptr) return;
    if (!prepared) return refuse_staging(id, run, "preflight_failed: " + prepared.error().message);
    std::vector<FileCopy> files;
    for (const ManifestEntry& entry : manifest_from_json(staged["manifest"]).entries)
      files.push_back({found->record.task.cwd + "/" + entry.path, entry.path});
    link->put(runs_.named(run), std::move(files), nullptr, [this, id, run](Result<> put) {
      crash_point();
      if (put)
        ledger_.apply(id, event::Staged{run});
      else
        refuse_staging(id, run, "preflight_failed: " + put.error().message);
    });
  });
}

void Mover::pause(const ExecutionId& id) {
  const ProcessId root = ledger_.find(id)->move->members.front();
  auto held = std::make_shared<std::shared_ptr<Tree>>();
  host_.work([this, id, root, held] {
    const auto outcome = [&]() -> Event {
      auto adopted = ProcessTree::adopt(root);
      if (!adopted && adopted.error().code == Code::process_not_found) return event::OriginalEnded{};
      if (!adopted) return event::Refused{adopted.error().message};
      auto made = std::make_shared<Tree>(std::move(*adopted));
      auto guard = Guard::start(dirs_.shim(), report(id), made->tree.members());
      if (!guard) return event::Refused{"no guard could be started: " + guard.error().message};
      made->guard.emplace(std::move(*guard));
      crash_point();
      auto paused = made->tree.pause([&](ProcessId member) { return made->guard->add(member); });
      crash_point();
      if (!paused && paused.error().code == Code::process_not_found) return event::OriginalEnded{};
      if (!paused) return event::Refused{"the original could not be paused: " + paused.error().message};
      *held = made;
      return event::Paused{made->tree.members()};
    }();
    crash_point();
    host_.post([this, id, held, outcome] {
      if (*held) trees_[id] = *held;
      ledger_.apply(id, outcome);
    });
  });
}

void Mover::start(const ExecutionId& id) {
  const auto send = [this, id] {
    const ActiveTask* task = ledger_.active(id.task);
    if (task == nullptr || task->elements.front().attempts.empty()) return;
    const bool copy = task->record.detail.value("staging", std::string("copy")) == "copy";
    runs_.start(task->elements.front().attempts.back().run, *task, copy);
  };
  const auto held = trees_.find(id);
  if (held == trees_.end() || !held->second->guard) return send();
  // From here on the next daemon settles it: a guard that continued the original beside a running copy would
  // be worse.
  host_.work([this, id, tree = held->second, send] {
    const std::lock_guard lock(tree->busy);
    const auto disarmed = tree->guard->disarm();
    crash_point();
    host_.post([this, id, disarmed, send] {
      if (disarmed) return send();
      const Execution* x = ledger_.find(id);
      if (x != nullptr)
        ledger_.apply(id, event::StartRefused{x->attempts.back().number, disarmed.error().message});
    });
  });
}

std::shared_ptr<Mover::Tree> Mover::tree(const ExecutionId& id) {
  if (const auto held = trees_.find(id); held != trees_.end()) return held->second;
  const Execution* x = ledger_.find(id);
  if (x == nullptr || !x->move || x->move->members.empty()) return nullptr;
  auto opened = ProcessTree::reopen(x->move->members);
  if (!opened) return nullptr;
  auto made = std::make_shared<Tree>(std::move(*opened));
  trees_[id] = made;
  return made;
}

void Mover::watch(const ExecutionId& id) {
  watches_[id] = host_.after(std::chrono::seconds(1), [this, id] {
    const Execution* x = ledger_.find(id);
    if (x == nullptr || terminal(x->state)) {
      watches_.erase(id);
      trees_.erase(id);
      return;
    }
    const auto held = tree(id);
    if (held == nullptr) return ledger_.apply(id, event::OriginalEnded{});
    host_.work([this, id, held] {
      const std::lock_guard lock(held->busy);
      const TreeState state = held->tree.state();
      host_.post([this, id, state] {
        if (state.kind == TreeState::Kind::gone) {
          trees_.erase(id);
          return ledger_.apply(id, event::OriginalEnded{});
        }
        if (state.kind == TreeState::Kind::some_running) ledger_.apply(id, event::OriginalContinued{});
        watch(id);
      });
    });
  });
}

void Mover::collect(const ExecutionId& id) {
  const ActiveTask* task = ledger_.active(id.task);
  const Attempt& attempt = task->elements.front().attempts.back();
  if (task->record.detail.value("staging", std::string("copy")) != "copy")
    return ledger_.apply(id, event::Collected{""});
  Link* link = runs_.link(attempt.node);
  if (link == nullptr)
    return ledger_.apply(id, event::Collected{"files_not_home: " + attempt.node + " cannot be reached"});
  link->list(runs_.named(attempt.run), [this, id](Result<std::vector<FileFact>> there) {
    crash_point();
    if (!there) return ledger_.apply(id, event::Collected{"files_not_home: " + there.error().message});
    fetch(id, *there);
  });
}

namespace {

// After a crash in the middle of a fetch: this file came home already, with its size and time.
bool is_home(const std::filesystem::path& path, const FileFact& fact) {
  struct stat here {};
  if (::lstat(path.c_str(), &here) != 0) return false;
  const auto mtime = std::int64_t{here.st_mtim.tv_sec} * 1'000'000'000 + here.st_mtim.tv_nsec;
  return static_cast<std::uint64_t>(here.st_size) == fact.size && mtime == fact.mtime_ns;
}

}  // namespace

void Mover::fetch(const ExecutionId& id, const std::vector<FileFact>& there) {
  host_.work([this, id, there, detail = ledger_.active(id.task)->record.detail,
              cwd = std::filesystem::path(ledger_.active(id.task)->record.task.cwd)] {
    ReturnPlan plan = plan_return(manifest_from_json(detail.value("manifest", Json::array())), there, cwd,
                                  std::to_string(id.task));
    Json changed = detail;
    changed["returned"] = Json::array();
    changed["conflicts"] = Json::array();
    std::vector<FileCopy> files;
    for (const ReturningFile& file : plan.files) {
      const auto fact =
          std::find_if(there.begin(), there.end(), [&](const FileFact& f) { return f.path == file.path; });
      if (is_home(cwd / file.path, *fact)) {
        changed["returned"].push_back(bytes_to_json(file.path));
        continue;
      }
      std::error_code ignored;  // get() reports what cannot be written
      std::filesystem::create_directories((cwd / file.destination).parent_path(), ignored);
      files.push_back({file.path, (cwd / file.destination).string()});
      changed[file.conflict ? "conflicts" : "returned"].push_back(bytes_to_json(file.destination));
    }
    for (const auto& refused : plan.refused)
      changed["not_returned"].push_back({{"path", bytes_to_json(refused.path)}, {"reason", refused.reason}});
    crash_point();
    host_.post([this, id, files, changed] {
      const ActiveTask* task = ledger_.active(id.task);
      if (task == nullptr) return;
      const Attempt& attempt = task->elements.front().attempts.back();
      Link* link = runs_.link(attempt.node);
      if (link == nullptr)
        return ledger_.apply(id, event::Collected{"files_not_home: " + attempt.node + " cannot be reached"});
      link->get(runs_.named(attempt.run), files, nullptr, [this, id, changed](Result<> got) {
        crash_point();
        if (!got) return ledger_.apply(id, event::Collected{"files_not_home: " + got.error().message});
        ledger_.set_detail(id.task, changed);
        ledger_.apply(id, event::Collected{""});
      });
    });
  });
}

void Mover::end_tree(const ExecutionId& id) {
  auto held = tree(id);
  if (held == nullptr) {
    // Original::stop kills a tree that was never paused, so that nobody holds it yet.
    const Execution* x = ledger_.find(id);
    if (x == nullptr) return;
    auto adopted = ProcessTree::adopt(x->move->members.front());
    if (!adopted) return ledger_.apply(id, event::OriginalEnded{});
    held = trees_[id] = std::make_shared<Tree>(std::move(*adopted));
  }
  host_.work([this, id, held] {
    crash_point();
    const std::lock_guard lock(held->busy);
    const auto killed = held->tree.kill();
    crash_point();
    host_.post([this, id, killed] {
      if (killed || killed.error().code == Code::process_not_found) {
        trees_.erase(id);
        return ledger_.apply(id, event::OriginalEnded{});
      }
      log_line(LogLevel::warning, "move",
               "execution " + std::to_string(id.task) + ": " + killed.error().message);
      watches_[id] = host_.after(std::chrono::seconds(1), [this, id] { end_tree(id); });
    });
  });
}

void Mover::resume(const ExecutionId& id) {
  const auto held = tree(id);
  if (held == nullptr) return ledger_.apply(id, event::OriginalEnded{});
  host_.work([this, id, held] {
    crash_point();
    const std::lock_guard lock(held->busy);
    const auto continued = held->tree.resume();
    const bool gone = held->tree.state().kind == TreeState::Kind::gone;
    crash_point();
    host_.post([this, id, held, continued, gone] {
      held->guard.reset();
      if (!continued && !gone) {
        log_line(LogLevel::warning, "move",
                 "execution " + std::to_string(id.task) + ": " + continued.error().message);
        watches_[id] = host_.after(std::chrono::seconds(1), [this, id] { resume(id); });
        return;
      }
      if (gone)
        ledger_.apply(id, event::OriginalEnded{});
      else
        ledger_.apply(id, event::OriginalResumed{});
      const Execution* x = ledger_.find(id);
      if (x == nullptr || terminal(x->state)) trees_.erase(id);
    });
  });
}

Json Mover::view(const TaskRecord& record, const Execution& x) {
  const Json& detail = record.detail;
  return {{"pid", detail.value("pid", 0)},
          {"phase", std::string(to_string(x.move->phase))},
          {"original", std::string(to_string(x.move->original))},
          {"target", x.move->target},
          {"staging", detail.value("staging", std::string())},
          {"staged_files", detail.value("staged_files", 0)},
          {"staged_bytes", detail.value("staged_bytes", std::uint64_t{0})},
          {"returned", detail.value("returned", Json::array())},
          {"conflicts", detail.value("conflicts", Json::array())}};
}

}  // namespace grid
