#include "core/loop/loop.hpp"

#include <utility>

namespace grid {

Loop::Loop(const Config& config, Host& host, Nodes& nodes, std::shared_ptr<RunningPolicy> policy,
           LoopServices& services)
    : config_(config), host_(host), nodes_(nodes), policy_(std::move(policy)), services_(services) {}

bool Loop::turn(std::function<void(const Turn&)> done) {
  if (std::exchange(turning_, true)) return false;
  read([this, done = std::move(done)] {  // read, sample
    auto seen = snapshot();              // snapshot
    decide(seen, [this, seen, done] {    // decide
      services_.place(*seen);            // place, run
      services_.record(*current_);       // record
      last_ = current_;
      services_.show(*last_);  // show
      turning_ = false;
      if (done) done(*last_);
    });
  });
  return true;
}

void Loop::read(std::function<void()> next) {
  services_.scan([this, next = std::move(next)](Result<HeadScan> scan) {
    if (scan)
      scan_ = std::move(*scan);
    else
      host_.log(LogLevel::warning, "the processes of the head cannot be read: " + scan.error().message);
    nodes_.refresh(next);
  });
}

std::shared_ptr<const Snapshot> Loop::snapshot() {
  auto made = std::make_shared<Snapshot>();
  made->version = ++version_;
  made->now = host_.now();
  made->head = nodes_.head();
  made->nodes = nodes_.view(services_.load());
  made->candidates = scan_.candidates;
  made->scan_interval_seconds = scan_.interval_seconds;
  made->free_loss_seconds = config_.offload.free_loss_seconds;
  for (Candidate& candidate : made->candidates) {
    const std::string program = candidate.argv.empty() ? std::string() : candidate.argv.front();
    const AllowRule* rule = find_allow_rule(config_.offload, program, candidate.user);
    candidate.allowed = rule != nullptr;
    candidate.loss_allowed = rule != nullptr && rule->loss == AllowRule::Loss::allowed;
  }
  services_.complete(*made);
  return made;
}

void Loop::decide(std::shared_ptr<const Snapshot> snapshot, std::function<void()> next) {
  current_ = std::make_shared<Turn>();
  current_->snapshot = snapshot;
  current_->processes = scan_.processes;
  policy_->decide_async(snapshot, services_.memory(),
                        [this, next = std::move(next)](Result<PolicyAnswer> answer) {
                          if (answer) {
                            current_->decision = std::move(answer->decision);
                            current_->memory = std::move(answer->memory);
                          } else {
                            // No decision is a decision too: nothing moves, and everybody is told why.
                            current_->problem = answer.error().message;
                            current_->memory = services_.memory();
                            current_->decision.policy = config_.policy;
                            current_->decision.reasons = {{"policy_faulted", answer.error().message}};
                          }
                          next();
                        });
}

}  // namespace grid
