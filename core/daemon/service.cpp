#include "core/daemon/service.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/daemon/execution_view.hpp"
#include "core/loop/views.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

Options options_of(const Config& config, const std::string& plugin) {
  const auto found = config.plugins.find(plugin);
  return Options(found == config.plugins.end() ? Values{} : found->second);
}

std::chrono::milliseconds seconds_to_ms(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

}  // namespace

Result<ParsedId> parse_id(std::string_view text) {
  ParsedId id;
  const std::size_t dot = text.find('.');
  const auto number = [](std::string_view digits, auto& out) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return error == std::errc{} && end == digits.data() + digits.size() && !digits.empty();
  };
  bool good = number(text.substr(0, dot), id.task) && id.task > 0;
  if (dot != std::string_view::npos) good = good && number(text.substr(dot + 1), id.element.emplace());
  if (!good)
    return fail(Code::usage, fmt::format("'{}' is no execution id", text),
                "ids look like 7, or 7.3; see: grid ps -a");
  return id;
}

Service::Service(const Config& config, const Dirs& dirs, Host& host, Registry& registry, Store store)
    : config_(config),
      dirs_(dirs),
      host_(host),
      registry_(registry),
      ledger_(std::move(store), host),
      runs_(ledger_, host),
      nodes_(config, dirs, registry, host, runs_),
      preflight_(config, host, nodes_),
      staging_(config, host, ledger_, runs_),
      starter_(config, host, ledger_, runs_, preflight_, staging_),
      mover_(config, dirs, host, ledger_, runs_, preflight_, staging_) {
  runs_.use(nodes_);
  runs_.on_room([this] { place_soon(); });
  runs_.on_end([this](const ExecutionId& id, std::uint32_t attempt, const Ending& ending) {
    return starter_.hold(id, attempt, ending);
  });
  nodes_.on_tell([this](const std::string& kind, const std::string& node, const std::string& text) {
    if (kind == "node_rebooted") preflight_.forget(node);
    ledger_.note(kind, node, text);
  });
  nodes_.on_news([this] { place_soon(); });
  ledger_.on_effects([this](const ExecutionId& id, const Effect& e) { effect(id, e); },
                     [this] { runs_.send_cancels(); });
}

Service::~Service() = default;

Result<> Service::start(std::function<void()> ready) {
  ready_ = std::move(ready);
  if (auto loaded = ledger_.load(); !loaded) return loaded;
  auto policy = registry_.policy(config_.policy, options_of(config_, "policy." + config_.policy));
  if (!policy) return fail(policy.error());
  policy_ = std::move(*policy);
  if (auto opened = nodes_.open(); !opened) return opened;
  if (auto memory = ledger_.store().memory(config_.policy)) memory_ = std::move(*memory);
  ScanOptions options;
  options.file_root = config_.head.file_root;
  options.free_loss_seconds = config_.offload.free_loss_seconds;
  scanner_ = std::make_shared<HeadScanner>(options);
  loop_ = std::make_unique<Loop>(config_, host_, nodes_, policy_, *this);

  std::size_t taken_over = 0;
  for (auto& [task, active] : ledger_.active())
    for (const Execution& x : active.elements)
      if (!terminal(x.state)) ++taken_over;
  ledger_.note("daemon_started", "",
               taken_over == 0 ? "started" : fmt::format("started; took over {} executions", taken_over));
  std::vector<ExecutionId> ids;
  for (const auto& [task, active] : ledger_.active())
    for (const Execution& x : active.elements) ids.push_back(x.id);
  for (const ExecutionId& id : ids) ledger_.apply(id, event::Restarted{});
  turn();
  housekeeping();
  return {};
}

void Service::stop() {
  turn_timer_.reset();
  housekeeping_timer_.reset();
  ledger_.note("daemon_stopped", "", "stopped; what runs goes on");
  static_cast<void>(ledger_.flush());
}

void Service::turn() {
  loop_->turn([this](const Turn&) { turned(); });
}

void Service::turned() {
  double seconds = config_.daemon.node_interval_seconds;
  if (*watchers_ > 0) seconds = std::min(seconds, config_.daemon.watched_interval_seconds);
  // The first turn has no rates to show: the second one follows as soon as one can be told.
  if (ready_) seconds = std::min(seconds, 1.0);
  turn_timer_ = host_.after(seconds_to_ms(seconds), [this] { turn(); });
  if (const auto ready = std::exchange(ready_, nullptr)) ready();
}

void Service::housekeeping() {
  const std::int64_t keep_ms = config_.daemon.retention_days * 86'400'000;
  ledger_.write([before = ledger_.now_ms() - keep_ms](Store& store) { return store.prune(before); });
  housekeeping_timer_ = host_.after(std::chrono::hours(24), [this] { housekeeping(); });
}

void Service::effect(const ExecutionId& id, const Effect& e) {
  const Execution* x = ledger_.find(id);
  if (x == nullptr) return;
  const auto attempt = std::find_if(x->attempts.begin(), x->attempts.end(),
                                    [&](const Attempt& a) { return a.number == e.attempt; });
  const bool has_attempt = attempt != x->attempts.end();
  switch (e.kind) {
    case EffectKind::attach:
      return has_attempt && !starter_.resume(id, *attempt) ? runs_.attach(id, *attempt) : void();
    case EffectKind::cancel:
      return has_attempt ? runs_.cancel(id, *attempt) : void();
    case EffectKind::forget:
      return has_attempt ? runs_.forget(id, *attempt) : void();
    case EffectKind::start:
      if (!x->move && has_attempt) return starter_.start(attempt->run, id.task);
      break;
    default:
      break;
  }
  mover_.effect(id, e);
}

// --- the loop's services

void Service::scan(std::function<void(Result<HeadScan>)> done) {
  const std::int64_t now = host_.now().monotonic.count();
  const double interval =
      *watchers_ > 0 ? config_.daemon.watched_interval_seconds : config_.daemon.process_interval_seconds;
  if (scanned_ms_ != 0 && static_cast<double>(now - scanned_ms_) < 1000 * interval - 50) {
    host_.post([this, done = std::move(done)] { done(last_scan_); });
    return;
  }
  // The first pass knows no rates: the second one follows soon.
  scanned_ms_ = scanned_ms_ == 0 ? now - static_cast<std::int64_t>(1000 * interval) + 1000 : now;
  host_.work([this, scanner = scanner_, done = std::move(done)] {
    auto scan = std::make_shared<Result<HeadScan>>(scanner->turn());
    host_.post([this, scan, done] {
      if (*scan) last_scan_ = **scan;
      done(std::move(*scan));
    });
  });
}

void Service::complete(Snapshot& snapshot) const {
  const std::int64_t now = ledger_.now_ms();
  auto& ledger = const_cast<Ledger&>(ledger_);
  for (const auto& [id, task] : ledger.active()) {
    const std::int64_t waiting = task.counts.by_state[static_cast<std::size_t>(ExecutionState::queued)];
    if (waiting > 0)
      snapshot.queue.push_back({std::to_string(id), task.record.task.needs, task.record.task.labels,
                                static_cast<std::uint32_t>(waiting),
                                static_cast<double>(now - task.record.created_ms) / 1000.0});
    const Execution& x = task.elements.front();
    if (!x.move || terminal(x.state)) continue;
    const bool paused = !x.attempts.empty() && x.attempts.front().state == AttemptState::suspended;
    for (Candidate& candidate : snapshot.candidates)
      if (std::find(x.move->members.begin(), x.move->members.end(), candidate.root) !=
          x.move->members.end()) {
        candidate.execution = std::to_string(id);
        candidate.paused = paused;
      }
  }
  // What runs under our own shims is work already placed, not a candidate.
  std::set<ProcessId> ours;
  for (const auto& [id, task] : ledger.active())
    for (const Execution& x : task.elements)
      if (!x.attempts.empty() && x.attempts.back().kind == AttemptKind::run && x.attempts.back().process)
        ours.insert(*x.attempts.back().process);
  std::erase_if(snapshot.candidates, [&](const Candidate& candidate) {
    return candidate.execution.empty() && std::any_of(candidate.members.begin(), candidate.members.end(),
                                                      [&](const ProcessId& p) { return ours.contains(p); });
  });
}

void Service::record(const Turn& turn) {
  if (turn.memory != memory_) {
    memory_ = turn.memory;
    ledger_.write([policy = config_.policy, at = ledger_.now_ms(), memory = memory_](Store& store) {
      return store.set_memory(policy, at, memory);
    });
  }
  // Stored on change: what is allowed, and what would move. The figures in the words change with every turn.
  Json gist{{"allowed", turn.decision.allowed}, {"moves", Json::array()}};
  for (const Reason& reason : turn.decision.reasons) gist["reasons"].push_back(reason.code);
  for (const CandidateDecision& candidate : turn.decision.candidates)
    if (candidate.move) gist["moves"].push_back(candidate.root.pid);
  const std::string text = dump_json(gist);
  if (text == last_decision_) return;
  const bool first = last_decision_.empty();
  last_decision_ = text;
  if (first && !turn.decision.allowed) return;
  ledger_.note("decision", "",
               turn.decision.reasons.empty() ? "" : reason_text(turn.decision.reasons.front()), gist);
  ledger_.write(
      [record = DecisionRecord{0, ledger_.now_ms(),
                               scan_to_json(*turn.snapshot, turn.decision, {turn.processes, true})}](
          Store& store) { return store.add_decision(record); });
}

std::shared_ptr<void> Service::watch() {
  if ((*watchers_)++ == 0) {
    turn_timer_.reset();
    turn();
  }
  // A stream may be taken down after the service.
  return {nullptr, [watchers = watchers_](std::nullptr_t) { --*watchers; }};
}

// --- the API

Result<Service::Found> Service::find(const std::string& id) {
  const auto parsed = parse_id(id);
  if (!parsed) return fail(parsed.error());
  Found found;
  if (const ActiveTask* active = ledger_.active(parsed->task)) {
    found.record = active->record;
    found.elements = active->elements;
    for (Execution& x : found.elements)
      if (x.reason.empty() && !terminal(x.state) &&
          (!found.record.array || x.state == ExecutionState::queued))
        x.reason = active->waits_for;
  } else {
    auto record = ledger_.store().task(parsed->task);
    if (!record) return fail(record.error());
    auto elements = ledger_.store().executions(parsed->task);
    if (!elements) return fail(elements.error());
    found.record = std::move(*record);
    found.elements = std::move(*elements);
  }
  found.element = parsed->element;
  const bool fits = parsed->element ? found.record.array && *parsed->element < found.elements.size()
                                    : !found.elements.empty();
  if (!fits) return fail(Code::not_found, "no execution " + id, "see: grid ps -a");
  return found;
}

Json Service::view(const Found& found) const {
  const auto is_simulated = [this](const std::string& node) { return simulated(node); };
  if (!found.whole_array()) {
    Json json = execution_to_json(found.record, found.one(), is_simulated);
    if (const Staging::Progress* copy = staging_.progress(found.record.id)) {
      Json& files = json.contains("files") ? json["files"] : json["move"];
      files["copying"] = copy->phase;
      files["done_bytes"] = copy->done_bytes;
      files["total_bytes"] = copy->total_bytes;
    }
    return json;
  }
  StateCounts counts;
  for (const Execution& x : found.elements) ++counts.by_state[static_cast<std::size_t>(x.state)];
  return array_to_json(found.record, found.elements, counts, is_simulated);
}

Json Service::stamped(Json view) const {
  view["taken_at"] = rfc3339(host_.now().wall);
  view["simulated_nodes"] = Json::array();
  for (const std::string& node : nodes_.names())
    if (simulated(node)) view["simulated_nodes"].push_back(node);
  return view;
}

Result<Json> Service::execution(const std::string& id) {
  const auto found = find(id);
  if (!found) return fail(found.error());
  return stamped(view(*found));
}

Result<Json> Service::executions(bool all, std::int64_t limit) {
  constexpr std::int64_t day_ms = 86'400'000;
  const auto ids = ledger_.store().recent_tasks(all ? 0 : ledger_.now_ms() - day_ms, limit);
  if (!ids) return fail(ids.error());
  Json list = Json::array();
  for (const std::int64_t id : *ids) {
    if (const auto found = find(std::to_string(id))) list.push_back(view(*found));
  }
  return stamped({{"schema", "grid/executions/1"}, {"executions", std::move(list)}});
}

Result<Json> Service::cancel(const std::string& id) {
  const auto found = find(id);
  if (!found) return fail(found.error());
  std::size_t open = 0;
  for (const Execution& x : found->elements) {
    if (found->element && x.id.element != *found->element) continue;
    if (terminal(x.state)) continue;
    ++open;
    ledger_.apply(x.id, event::CancelRequested{});
  }
  if (open == 0)
    return fail(Code::resource_conflict, "execution " + id + " has ended already",
                "its result: grid why " + id);
  return execution(id);
}

void Service::signal(const std::string& id, int signal, Done<Json> done) {
  const auto found = find(id);
  if (!found) return done(fail(found.error()));
  if (found->whole_array())
    return done(fail(Code::usage, "an array takes no signal", "cancel it: grid cancel " + id));
  runs_.signal(found->one().id, signal, [this, id, done](Result<> sent) {
    if (!sent) return done(fail(sent.error()));
    done(execution(id));
  });
}

Result<Service::Logs> Service::logs(const std::string& id, Stream stream) {
  const auto found = find(id);
  if (!found) return fail(found.error());
  if (found->whole_array())
    return fail(Code::usage, fmt::format("{} is an array of {}", id, found->record.elements()),
                fmt::format("name one element: grid logs {}.0", id));
  const Execution& x = found->one();
  Logs logs;
  logs.final = terminal(x.state);
  for (auto attempt = x.attempts.rbegin(); attempt != x.attempts.rend(); ++attempt) {
    if (attempt->run.empty()) continue;
    logs.source = {attempt->node, attempt->run, x.id.element};
    logs.exists = attempt->process.has_value() || attempt->ending.has_value();
    if (attempt->ending)
      logs.exists =
          (stream == Stream::out ? attempt->ending->stdout_bytes : attempt->ending->stderr_bytes) > 0;
    logs.final = terminal(attempt->state);
    break;
  }
  return logs;
}

Json Service::snapshot_view() {
  const std::shared_ptr<const Turn> turn = loop_->last();
  Json json{{"schema", "grid/snapshot/1"},
            {"version", turn == nullptr ? 0 : turn->snapshot->version},
            {"taken_at", rfc3339(host_.now().wall)},
            {"head", nodes_.head()},
            {"nodes", Json::array()},
            {"executions", counts_to_json(ledger_.counts())},
            {"suspended", Json::array()},
            {"queue", Json::array()},
            {"decision", Json()},
            {"scan", Json()},
            {"plugins", Json::array()},
            {"warnings", Json::array()}};
  for (const Node& node : nodes_.view(runs_.load()))
    json["nodes"].push_back(node_to_json(node, nodes_.problem(node.name)));
  const std::int64_t now = ledger_.now_ms();
  for (const auto& [id, task] : ledger_.active()) {
    const std::int64_t queued = task.counts.by_state[0];
    if (queued > 0 && task.next_unplaced < task.elements.size())
      json["queue"].push_back(
          {{"execution", std::to_string(id)},
           {"count", queued},
           {"cpus", task.record.task.needs.cpus},
           {"waiting_seconds", static_cast<double>(now - task.record.created_ms) / 1000.0},
           {"reason", task.waits_for}});
    const Execution& x = task.elements.front();
    if (x.move && !x.attempts.empty() && x.attempts.front().state == AttemptState::suspended)
      json["suspended"].push_back({{"execution", std::to_string(id)},
                                   {"pid", x.move->members.front().pid},
                                   {"command", bytes_to_json(command_text(task.record.task.argv))},
                                   {"since", rfc3339_ms(x.started_ms)}});
  }
  if (turn != nullptr) {
    json["decision"] = decision_to_json(turn->decision);
    json["scan"] = {{"processes", turn->processes}, {"candidates", turn->snapshot->candidates.size()}};
    if (turn->snapshot->scan_interval_seconds)
      json["scan"]["interval_seconds"] = *turn->snapshot->scan_interval_seconds;
    if (!turn->problem.empty()) json["warnings"].push_back("no decisions are made: " + turn->problem);
  }
  for (const PluginStatus& plugin : registry_.states()) {
    json["plugins"].push_back({{"kind", std::string(to_string(plugin.kind))},
                               {"name", plugin.name},
                               {"state", std::string(to_string(plugin.state))},
                               {"reason", plugin.reason}});
    if (plugin.state == PluginState::faulted || plugin.state == PluginState::disabled)
      json["warnings"].push_back("plugin " + plugin.name + ": " + plugin.reason);
  }
  if (!ledger_.degraded().empty())
    json["warnings"].push_back("the store takes no changes: " + ledger_.degraded());
  return json;
}

Json Service::candidates_view() {
  const std::shared_ptr<const Turn> turn = loop_->last();
  if (turn == nullptr) return scan_to_json(Snapshot{}, Decision{}, {0, false});
  return scan_to_json(*turn->snapshot, turn->decision, {turn->processes, true});
}

Result<Json> Service::record_scan(const Json& scan, const std::string& memory) {
  if (!scan.is_object() || !scan.contains("decision") || !scan["decision"].is_object())
    return fail(Code::usage, "scan: expected a grid/scan/1 object");
  const Json& decision = scan["decision"];
  const auto policy = decision.find("policy");
  if (!memory.empty() && policy != decision.end() && *policy == config_.policy) memory_ = memory;
  std::string reason;
  if (decision.contains("reasons") && decision["reasons"].is_array() && !decision["reasons"].empty() &&
      decision["reasons"][0].is_string())
    reason = decision["reasons"][0].get<std::string>();
  ledger_.note("decision", "", "scan: " + reason);
  ledger_.write([record = DecisionRecord{0, ledger_.now_ms(), scan}, policy = config_.policy,
                 memory = memory_](Store& store) -> Result<> {
    if (auto done = store.set_memory(policy, record.at_ms, memory); !done) return done;
    return store.add_decision(record);
  });
  return Json{{"schema", "grid/recorded/1"}, {"recorded", true}};
}

Result<Json> Service::history(std::int64_t limit) {
  const auto ids = ledger_.store().moves(limit);
  if (!ids) return fail(ids.error());
  Json entries = Json::array();
  for (const std::int64_t id : *ids) {
    const auto found = find(std::to_string(id));
    if (!found) continue;
    const Execution& x = found->one();
    entries.push_back({{"at", rfc3339_ms(found->record.created_ms)},
                       {"execution", std::to_string(id)},
                       {"pid", found->record.detail.value("pid", 0)},
                       {"command", bytes_to_json(command_text(found->record.task.argv))},
                       {"from", nodes_.head()},
                       {"to", x.move ? x.move->target : ""},
                       {"simulated", x.move && simulated(x.move->target)},
                       {"state", std::string(to_string(x.state))},
                       {"original", x.move ? std::string(to_string(x.move->original)) : ""},
                       {"reason", x.reason}});
  }
  return stamped({{"schema", "grid/history/1"}, {"entries", std::move(entries)}});
}

}  // namespace grid
