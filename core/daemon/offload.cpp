// `grid offload execute PID`: from a pid to an accepted move, or a refusal with its reason. Each step hands
// on to the next; nothing is touched before the move is committed.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/daemon/execution_view.hpp"
#include "core/daemon/service.hpp"
#include "core/loop/views.hpp"
#include "core/move/environment.hpp"
#include "core/move/stage.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

// The first ones, which weigh most; a large tree may have one for each of its files. `grid why` shows them
// all.
std::string join(const std::vector<Reason>& reasons) {
  constexpr std::size_t most = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, reasons.size()); ++i)
    text += (i == 0 ? "" : "; ") + reason_text(reasons[i]);
  if (reasons.size() > most) text += fmt::format("; and {} more", reasons.size() - most);
  return text;
}

bool has_code(const std::vector<Reason>& reasons, std::string_view code) {
  return std::any_of(reasons.begin(), reasons.end(),
                     [&](const Reason& reason) { return reason.code == code; });
}

}  // namespace

class Offload : public std::enable_shared_from_this<Offload> {
 public:
  Offload(Service& service, OffloadRequest request, Done<Json> done)
      : service_(service), request_(std::move(request)), done_(std::move(done)) {}

  void examine() {
    ScanOptions options;
    options.file_root = service_.config_.head.file_root;
    options.free_loss_seconds = service_.config_.offload.free_loss_seconds;
    options.interval_seconds = 0;
    service_.host_.work([self = shared_from_this(), options] {
      auto candidate = std::make_shared<Result<Candidate>>(grid::examine(self->request_.pid, options));
      auto launch = std::make_shared<Result<Launch>>(*candidate ? read_launch(self->request_.pid, options)
                                                                : Result<Launch>(fail((*candidate).error())));
      self->service_.host_.post(
          [self, candidate, launch] { self->judge(std::move(*candidate), std::move(*launch)); });
    });
  }

 private:
  void refuse(Code code, std::string message, std::string hint = {}) {
    done_(fail(code, std::move(message), std::move(hint)));
  }

  void judge(Result<Candidate> candidate, Result<Launch> launch) {
    if (!candidate) return done_(fail(candidate.error()));
    candidate_ = std::move(*candidate);
    const std::string who =
        fmt::format("process {} ({})", candidate_.root.pid, candidate_.command.substr(0, 60));
    if (request_.start_ticks && *request_.start_ticks != candidate_.root.start_ticks)
      return refuse(Code::process_not_found,
                    who + " is not the process that was meant: its number was used again");
    for (const auto& [id, task] : service_.ledger_.active()) {
      const Execution& x = task.elements.front();
      if (x.move && !terminal(x.state) &&
          std::find(x.move->members.begin(), x.move->members.end(), candidate_.root) != x.move->members.end())
        return refuse(Code::resource_conflict, fmt::format("{} is held by execution {}", who, id),
                      fmt::format("see: grid why {}", id));
    }
    if (candidate_.restartable == Restartable::no)
      return refuse(Code::not_restartable,
                    who + " must not be started again elsewhere: " + join(candidate_.reasons),
                    fmt::format("see: grid why {}", candidate_.root.pid));
    if (!launch) return done_(fail(launch.error()));
    launch_ = std::move(*launch);
    if (candidate_.restartable == Restartable::with_loss && !request_.accept_loss && !request_.dry_run)
      return refuse(Code::not_restartable, who + " can be moved only with loss: " + join(candidate_.reasons),
                    "accept it with --yes");
    meet();
  }

  // A node that only this command names is looked at first; a load can be told only after a second look.
  void meet() {
    if (request_.to == service_.nodes_.head()) return place();
    if (request_.to.empty()) return wait_for_figures();
    if (auto known = service_.nodes_.ensure(request_.to); !known) return done_(fail(known.error()));
    wait_for_node();
  }

  void wait_for_node() {
    if (service_.nodes_.looked_at(request_.to)) {
      const auto trouble = service_.nodes_.trouble(request_.to);
      if (trouble && !service_.simulated(request_.to)) return done_(fail(*trouble));
      return wait_for_figures();
    }
    soon([self = shared_from_this()] { self->wait_for_node(); });
  }

  void wait_for_figures() {
    constexpr std::chrono::seconds longest{12};
    const auto now = service_.host_.now().monotonic;
    if (!until_) until_ = now + longest;
    const auto nodes = service_.nodes_.view({});
    const bool missing = std::any_of(nodes.begin(), nodes.end(), [&](const Node& node) {
      const bool asked = request_.to.empty() || node.name == request_.to;
      return asked && node.role == Role::worker && !node.simulated && node.state == NodeState::alive &&
             !node.sample.cpu_fraction;
    });
    if (!missing || now > *until_) return place();
    soon([self = shared_from_this()] { self->wait_for_figures(); });
  }

  void soon(std::function<void()> then) {
    timer_ = service_.host_.after(std::chrono::milliseconds(50), [this, then = std::move(then)] {
      const auto own = std::move(timer_);  // the handle holds us: let go of it first
      then();
    });
  }

  // The policy is asked about this one tree. A person overrides triggers, never the target's conditions.
  void place() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->now = service_.host_.now();
    snapshot->head = service_.nodes_.head();
    snapshot->nodes = service_.nodes_.view(service_.runs_.load());
    if (const auto last = service_.loop_->last()) {
      snapshot->version = last->snapshot->version;
      for (const Candidate& known : last->snapshot->candidates)
        if (known.root == candidate_.root && !candidate_.cpu_fraction)
          candidate_.cpu_fraction = known.cpu_fraction;
    }
    const AllowRule* rule = find_allow_rule(service_.config_.offload, launch_.argv.front(), candidate_.user);
    candidate_.allowed = rule != nullptr;
    candidate_.loss_allowed = rule != nullptr && rule->loss == AllowRule::Loss::allowed;
    snapshot->candidates = {candidate_};
    service_.policy_->decide_async(snapshot, service_.memory_,
                                   [self = shared_from_this()](Result<PolicyAnswer> answer) {
                                     if (!answer) return self->done_(fail(answer.error()));
                                     self->decision_ = std::move(answer->decision);
                                     self->choose();
                                   });
  }

  void choose() {
    const std::string head = service_.nodes_.head();
    if (request_.to == head)
      return refuse(Code::policy_denied, "the head is never a target of an offload",
                    "name a worker: grid node list");
    if (!decision_.candidates.empty()) placed_ = decision_.candidates.front();
    const bool keeps = request_.trigger == "memory" || request_.trigger == "gpu" || placed_.needs_stop ||
                       has_code(placed_.reasons, "pause_does_not_free");
    if (request_.original == Original::pause && keeps)
      return refuse(Code::policy_denied,
                    "pause_does_not_free: a paused process keeps its memory, here and on the GPU",
                    "end the original instead: --original stop");
    std::string target;
    for (const Placement& placement : placed_.placements)
      if (request_.to.empty() || placement.node == request_.to) {
        target = placement.node;
        break;
      }
    if (target.empty()) {
      std::string table;
      for (const RefusedNode& refused : decision_.refused_nodes)
        if (request_.to.empty() || refused.node == request_.to)
          table += (table.empty() ? "" : "; ") + refused.node + ": " + refused.reason;
      if (table.empty()) table = "the configuration names no worker";
      Json error = error_to_json(Error{
          Code::no_eligible_target, "no worker can take it: " + table, "see: grid node list", {}, false});
      error["error"]["details"]["nodes"] = nodes_json();
      return done_(std::move(error));
    }
    request_.to = target;
    // Refused a second time, by machine id: a worker's name may lead to this very machine.
    const auto machine = [&](const std::string& name) {
      for (const Node& node : service_.nodes_.view({}))
        if (node.name == name) return node.machine_id;
      return std::string();
    };
    if (!service_.simulated(target) && machine(target) == machine(head))
      return refuse(Code::policy_denied, target + " is the head itself, by its machine id",
                    "name another worker");
    if (request_.dry_run) return plan();
    accept();
  }

  // Each node with what it has, and why it was passed over.
  [[nodiscard]] Json nodes_json() const {
    Json list = Json::array();
    for (const Node& node : service_.nodes_.view(service_.runs_.load())) {
      Json json = node_to_json(node, service_.nodes_.problem(node.name));
      json["reason"] = "";
      for (const RefusedNode& refused : decision_.refused_nodes)
        if (refused.node == node.name) json["reason"] = refused.reason;
      list.push_back(std::move(json));
    }
    return list;
  }

  [[nodiscard]] TaskRecord record() const {
    TaskRecord record;
    record.task = task();
    record.detail = {{"pid", candidate_.root.pid},
                     {"start_ticks", candidate_.root.start_ticks},
                     {"staging", staging()},
                     {"losses", join(candidate_.reasons)}};
    return record;
  }

  [[nodiscard]] std::string staging() const {
    if (!request_.stage || candidate_.cwd.empty()) return "none";
    return stage_scope(candidate_.cwd, Staging::home_folder()).allowed ? "copy" : "none";
  }

  [[nodiscard]] Task task() const {
    Task task;
    task.argv = launch_.argv;
    task.cwd = launch_.cwd;
    task.environment =
        filter_environment(launch_.environment, service_.config_.offload.environment).environment;
    task.umask = launch_.umask;
    task.needs.cpus = std::max(1.0, candidate_.cpu_fraction.value_or(1.0));
    task.needs.memory_bytes = candidate_.rss_bytes.value_or(0);
    return task;
  }

  void accept() {
    Move move;
    move.target = request_.to;
    move.original = request_.original;
    move.members = {candidate_.root};
    for (const ProcessId& member : candidate_.members)
      if (member != candidate_.root) move.members.push_back(member);
    Step begun = begin_move({}, std::move(move), service_.nodes_.head(), service_.ledger_.now_ms());
    auto id = service_.ledger_.accept(record(), {std::move(begun.next)}, begun.effects);
    if (!id) return done_(fail(id.error()));
    service_.ledger_.note("offload_accepted", std::to_string(*id),
                          fmt::format("process {} from {} to {}, original: {}", candidate_.root.pid,
                                      service_.nodes_.head(), request_.to, to_string(request_.original)));
    done_(service_.execution(std::to_string(*id)));
  }

  // --dry-run: what would happen, with a real preflight and real sizes, and nothing touched.
  void plan() {
    Preflight::Wanted wanted;
    if (staging() == "none") {
      wanted.folder = true;
    } else if (auto made = Marker::make(launch_.cwd)) {
      marker_ = std::make_shared<Marker>(std::move(*made));
      wanted.marker = marker_->path();
    }
    service_.preflight_.look(request_.to, record(), wanted,
                             [self = shared_from_this()](Result<Preflight::Passed> passed) {
                               self->marker_.reset();
                               if (!passed) return self->done_(fail(passed.error()));
                               self->measure(std::move(*passed));
                             });
  }

  void measure(Preflight::Passed passed) {
    service_.host_.work([self = shared_from_this(), passed = std::move(passed)] {
      auto manifest = std::make_shared<Result<Manifest>>(Manifest{});
      const bool shared = passed.report.marker_seen;
      if (self->staging() == "copy" && !shared) {
        const auto rules = Staging::rules(self->service_.config_);
        *manifest = rules ? make_manifest(self->launch_.cwd, *rules) : Result<Manifest>(fail(rules.error()));
      }
      self->service_.host_.post([self, passed, shared, manifest] {
        const ProbeReport& report = passed.report;
        if (!*manifest) return self->done_(fail((*manifest).error()));
        Json json{
            {"schema", "grid/plan/1"},
            {"pid", self->candidate_.root.pid},
            {"command", bytes_to_json(self->candidate_.command)},
            {"to", self->request_.to},
            {"simulated", self->service_.simulated(self->request_.to)},
            {"restartable", std::string(to_string(self->candidate_.restartable))},
            {"reasons", Json::array()},
            {"original", std::string(to_string(self->request_.original))},
            {"preflight",
             {{"user", report.user},
              {"environment", passed.environment},
              {"path_before", report.path_before},
              {"path", report.path},
              {"sourced", bytes_list_to_json(report.sourced)},
              {"free_bytes", report.free_bytes},
              {"found", Json::array()},
              {"missing", Json::array()}}},
            {"stage",
             {{"files", (*manifest)->entries.size()}, {"bytes", (*manifest)->bytes}, {"shared", shared}}},
            {"placements", Json::array()},
            {"refused_nodes", Json::array()}};
        for (const Reason& reason : self->candidate_.reasons)
          json["reasons"].push_back(bytes_to_json(reason_text(reason)));
        for (const std::string& found : report.found)
          json["preflight"][found.empty() ? "missing" : "found"].push_back(
              bytes_to_json(found.empty() ? self->launch_.argv.front() : found));
        for (const std::string& folder : report.missing_folders)
          json["preflight"]["missing"].push_back(bytes_to_json(folder));
        for (const Placement& placement : self->placed_.placements)
          json["placements"].push_back({{"node", placement.node}, {"score", placement.score}});
        for (const RefusedNode& refused : self->decision_.refused_nodes)
          json["refused_nodes"].push_back({{"node", refused.node}, {"reason", refused.reason}});
        self->done_(self->service_.stamped(std::move(json)));
      });
    });
  }

  Service& service_;
  OffloadRequest request_;
  Done<Json> done_;
  Candidate candidate_;
  Launch launch_;
  Decision decision_;
  CandidateDecision placed_;
  std::shared_ptr<Marker> marker_;  // while the target looks for it
  std::unique_ptr<Host::Handle> timer_;
  std::optional<std::chrono::milliseconds> until_;  // monotonic: no figures are waited for after that
};

void Service::offload(const OffloadRequest& request, Done<Json> done) {
  if (!ledger_.degraded().empty())
    return done(
        fail(Code::storage_failed, "nothing new is accepted: " + ledger_.degraded(), "see: grid status"));
  if (loop_->last() == nullptr) {
    // Just started: the nodes have not been looked at yet.
    host_.post([this, request, done = std::move(done)]() mutable { offload(request, std::move(done)); });
    return;
  }
  std::make_shared<Offload>(*this, request, std::move(done))->examine();
}

}  // namespace grid
