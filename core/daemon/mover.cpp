#include "core/daemon/mover.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/daemon/crash_point.hpp"
#include "core/daemon/manifest_json.hpp"
#include "core/move/guard.hpp"
#include "core/move/stage.hpp"
#include "core/move/task_on_node.hpp"
#include "core/move/tree.hpp"

namespace grid {

// Two jobs of the pool may speak of one tree: a look at it, and its end.
struct Mover::Tree {
  explicit Tree(ProcessTree held) : tree(std::move(held)) {}
  ProcessTree tree;
  std::optional<Guard> guard;
  std::mutex busy;
};

Mover::Mover(const Config& config, const Dirs& dirs, Host& host, Ledger& ledger, Runs& runs,
             Preflight& preflight, Staging& staging)
    : config_(config),
      dirs_(dirs),
      host_(host),
      ledger_(ledger),
      runs_(runs),
      preflight_(preflight),
      staging_(staging),
      retry_(host) {}

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

std::function<bool()> Mover::patience(const ExecutionId& id) const {
  constexpr std::chrono::minutes longest{10};
  return [this, id, until = host_.now().monotonic + longest] {
    const Execution* x = ledger_.find(id);
    return x != nullptr && !terminal(x->state) && !x->cancel_requested && host_.now().monotonic < until;
  };
}

RunSpec Mover::spec(const std::string& run, const ActiveTask& task) const {
  const Execution& x = task.elements.front();
  Task there = preflight_.on_node(x.move->target, task.record);
  if (const auto found = variables_.find(x.id); found != variables_.end())
    set_variables(there, found->second);
  return runs_.spec(run, task, std::move(there),
                    task.record.detail.value("staging", std::string("copy")) == "copy");
}

void Mover::preflight(const ExecutionId& id) {
  const ActiveTask* task = ledger_.active(id.task);
  const std::string target = task->elements.front().move->target;
  const std::string staging = task->record.detail.value("staging", std::string("copy"));
  const std::string& cwd = task->record.task.cwd;
  const std::string& program = task->record.task.argv.front();
  Preflight::Wanted wanted;
  std::shared_ptr<Marker> marker;
  if (staging == "none") {
    wanted.folder = true;
  } else if (auto made = Marker::make(cwd)) {
    marker = std::make_shared<Marker>(std::move(*made));
    wanted.marker = marker->path();
  }
  // A program named by a path in the working folder travels with it, so it need not be there yet.
  wanted.program = staging != "copy" || program.front() != '/' || !program.starts_with(cwd + "/");
  retry_.call<Preflight::Passed>(
      [this, id, target, wanted](Done<Preflight::Passed> done) {
        const ActiveTask* found = ledger_.active(id.task);
        if (found == nullptr) return done(fail(Code::cancelled, "cancelled"));
        preflight_.look(target, found->record, wanted, std::move(done));
      },
      [this, id, target, wait = patience(id)](const Error& error) {
        if (!wait()) return false;
        runs_.say_wait(id.task, "waits: " + target + " cannot be reached: " + error.message);
        return true;
      },
      [this, id, marker, staging](Result<Preflight::Passed> passed) {
        const ActiveTask* found = ledger_.active(id.task);
        if (found == nullptr) return;
        runs_.say_wait(id.task, "");
        if (!passed) {
          Json detail = found->record.detail;
          detail["hint"] = passed.error().hint;
          ledger_.set_detail(id.task, std::move(detail));
          return ledger_.apply(id, event::Refused{"preflight_failed: " + passed.error().message});
        }
        variables_[id] = passed->variables;
        Json detail = found->record.detail;
        if (!passed->environment.empty()) detail["environment"] = passed->environment;
        if (staging == "copy" && passed->report.marker_seen)
          detail["staging"] = "shared";  // both sides see the same folder: nothing to copy
        if (detail != found->record.detail) ledger_.set_detail(id.task, std::move(detail));
        ledger_.apply(id, event::PreflightPassed{});
      });
}

void Mover::stage(const ExecutionId& id) {
  const ActiveTask* task = ledger_.active(id.task);
  const bool copy = task->record.detail.value("staging", std::string("copy")) == "copy";
  const std::uint32_t number = task->elements.front().attempts.empty() ? 1 : 2;
  const std::string run = runs_.make(*task, task->elements.front().move->target, {{0, number}}, 1);
  if (!copy) return ledger_.apply(id, event::Staged{run});
  const auto rules = Staging::rules(config_);
  if (!rules) return refuse_staging(id, run, rules.error().message);
  host_.work([this, id, run, rules = *rules, cwd = task->record.task.cwd] {
    auto manifest = std::make_shared<Result<Manifest>>(make_manifest(cwd, rules));
    host_.post([this, id, run, manifest] {
      const ActiveTask* found = ledger_.active(id.task);
      if (found == nullptr) return;
      if (!*manifest) return refuse_staging(id, run, (*manifest).error().message);
      Json detail = found->record.detail;
      detail["staged_files"] = (*manifest)->entries.size();
      detail["staged_bytes"] = (*manifest)->bytes;
      detail["manifest"] = manifest_to_json(**manifest);
      ledger_.set_detail(id.task, std::move(detail));
      // After the commit: a run directory is written down before it is made.
      ledger_.after_commit([this, id, run] { put_files(id, run); });
    });
  });
}

void Mover::refuse_staging(const ExecutionId& id, const std::string& run, const std::string& why) {
  runs_.discard(run);
  ledger_.apply(id, event::Refused{why});
}

void Mover::put_files(const ExecutionId& id, const std::string& run) {
  const ActiveTask* task = ledger_.active(id.task);
  if (task == nullptr || !runs_.pending(run)) return;
  const Manifest manifest = manifest_from_json(task->record.detail.value("manifest", Json::array()));
  Staging::Sending what;
  what.task = id.task;
  what.node = task->elements.front().move->target;
  what.spec = spec(run, *task);
  what.bytes = manifest.bytes;
  for (const ManifestEntry& entry : manifest.entries)
    what.files.push_back({task->record.task.cwd + "/" + entry.path, entry.path});
  staging_.send(what, patience(id), [this, id, run](Result<> sent) {
    if (sent)
      ledger_.apply(id, event::Staged{run});
    else
      refuse_staging(id, run, "preflight_failed: " + sent.error().message);
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
    const std::string& run = task->elements.front().attempts.back().run;
    if (!runs_.pending(run)) return;
    const RunSpec what = spec(run, *task);
    variables_.erase(id);
    runs_.start(what);
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
  Staging::Fetching what;
  what.task = id.task;
  what.node = attempt.node;
  what.run = attempt.run;
  what.cwd = task->record.task.cwd;
  what.before = manifest_from_json(task->record.detail.value("manifest", Json::array()));
  // The original stays as it is for as long as the node is away: only a person gives up.
  const auto wanted = [this, id] {
    const Execution* x = ledger_.find(id);
    return x != nullptr && !terminal(x->state) && !x->cancel_requested && !x->move->continued_by_hand;
  };
  staging_.fetch(what, wanted, [this, id](const Result<Staging::Fetched>& fetched) {
    const ActiveTask* found = ledger_.active(id.task);
    if (found == nullptr) return;
    if (!fetched) return ledger_.apply(id, event::Collected{"files_not_home: " + fetched.error().message});
    Json detail = found->record.detail;
    detail["returned"] = bytes_list_to_json(fetched->returned);
    detail["conflicts"] = bytes_list_to_json(fetched->conflicts);
    for (const auto& [path, reason] : fetched->refused)
      detail["not_returned"].push_back({{"path", bytes_to_json(path)}, {"reason", reason}});
    ledger_.set_detail(id.task, std::move(detail));
    ledger_.apply(id, event::Collected{""});
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
