#include "conversation.hpp"

#include "failures.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace grid::ssh {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds first_pause{200};
constexpr milliseconds longest_pause{10'000};
constexpr std::chrono::seconds refused_pause{60};  // a wrong key does not become right by asking again
constexpr std::chrono::seconds open_timeout{15};

milliseconds with_jitter(milliseconds pause) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return milliseconds(
      std::uniform_int_distribution<milliseconds::rep>(pause.count() * 3 / 4, pause.count() * 5 / 4)(random));
}

Error silent(milliseconds since) {
  return {Code::node_unreachable,
          "the host has been silent for " + std::to_string(since.count() / 1000) + " s",
          {},
          {},
          true};
}

}  // namespace

Conversation::Conversation(NodeSettings settings, WireFactory factory, const Stopping& stopping,
                           Deliver deliver)
    : settings_(std::move(settings)),
      factory_(std::move(factory)),
      stopping_(stopping),
      deliver_(std::move(deliver)),
      limit_(settings_.channels),
      machine_(settings_.machine) {}

Error Conversation::named(Error error) const { return of_node(std::move(error), settings_.node); }

void Conversation::take(Job job) {
  if (!wire_ && Clock::now() < next_try_) return deliver_(std::move(job), fail(named(last_error_)));
  job.waits_until = Clock::now() + settings_.connect_timeout + job.request.deadline;
  waiting_.push_back(std::move(job));
}

void Conversation::hang_up(std::uint64_t id) {
  std::erase_if(waiting_, [id](const Job& job) { return job.id == id; });
  std::erase_if(talks_, [id](const auto& talk) { return talk->job() && talk->job()->id == id; });
}

std::size_t Conversation::open_ended() const {
  return static_cast<std::size_t>(std::count_if(
      talks_.begin(), talks_.end(), [](const auto& talk) { return talk->job() && talk->job()->open_ended; }));
}

bool Conversation::turn() {
  expire();
  if (!waiting_.empty() && !wire_) connect();
  if (!wire_) return false;
  deal();
  bool moved = false;
  for (std::size_t i = 0; wire_ && i < talks_.size();) {
    const std::size_t before = talks_.size();
    moved = move(i) || moved;
    if (talks_.size() == before) ++i;
  }
  if (wire_) {
    if (auto alive = wire_->alive(); !alive) lose(alive.error());
  }
  if (wire_) beat();
  // Without a connection what waits has a new one made at once.
  return moved || (!waiting_.empty() && (!wire_ || idle_talk() != nullptr));
}

void Conversation::connect() {
  auto wire = factory_();
  const auto connected = wire->connect(Clock::now() + settings_.connect_timeout, stopping_);
  if (!connected) {
    back_off(connected.error());
    return fail_waiting(named(last_error_));
  }
  wire_ = std::move(wire);
  limit_ = settings_.channels;
  usable_ = false;
  heard_ = Clock::now();
}

void Conversation::back_off(const Error& error) {
  last_error_ = error;
  const bool refused = !error.retryable || error.code == Code::host_key_mismatch;
  const auto pause = std::min(longest_pause, first_pause * (1 << std::min(failures_, 6)));
  ++failures_;
  next_try_ = Clock::now() + (refused ? milliseconds(refused_pause) : with_jitter(pause));
}

void Conversation::fail_waiting(const Error& error) {
  for (auto jobs = std::exchange(waiting_, {}); auto& job : jobs) deliver_(std::move(job), fail(error));
}

// The connection is of no use any more: what was asked may have been carried out, or not.
void Conversation::lose(Error error) {
  error.retryable = error.retryable || usable_;
  if (usable_) {
    last_error_ = error;
    next_try_ = {};  // it was good: it may be at once
  } else {
    back_off(error);
  }
  const auto talks = std::exchange(talks_, {});
  wire_.reset();
  for (const auto& talk : talks) {
    if (auto job = talk->release(); job && job->done) deliver_(std::move(*job), fail(named(error)));
  }
  if (!usable_) fail_waiting(named(error));
}

Talk* Conversation::idle_talk() {
  for (const auto& talk : talks_) {
    if (talk->idle()) return talk.get();
  }
  return nullptr;
}

Talk* Conversation::open_talk() {
  if (talks_.size() >= limit_) return nullptr;
  opened_ = Clock::now();
  auto channel = wire_->open(start_command, Clock::now() + open_timeout, stopping_);
  if (channel) {
    heard_ = Clock::now();
    talks_.push_back(std::make_unique<Talk>(std::move(*channel), machine_, settings_.script));
    return talks_.back().get();
  }
  if (channel.error().code == Code::resource_conflict) {
    no_more_channels(channel.error());
  } else {
    lose(channel.error());
  }
  return nullptr;
}

void Conversation::no_more_channels(const Error& error) {
  limit_ = talks_.size();
  if (limit_ == 0) return lose(error);
  if (limit_ > 1) return;
  // The only one must not be held for ever.
  if (const auto& job = talks_.front()->job(); job && job->open_ended) {
    auto held = talks_.front()->release();
    talks_.clear();
    limit_ = 1;
    deliver_(std::move(*held), fail(named(error)));
  }
}

void Conversation::deal() {
  while (wire_ && !waiting_.empty()) {
    if (waiting_.front().open_ended && open_ended() + 1 >= limit_) {
      auto job = std::move(waiting_.front());
      waiting_.pop_front();
      deliver_(std::move(job), fail(Code::resource_conflict, "no channel can be spared"));
      continue;
    }
    Talk* talk = idle_talk();
    if (talk == nullptr) talk = open_talk();
    if (talk == nullptr) {
      // Room may have become by what open_talk() found out.
      if (!wire_ || talks_.size() >= limit_) return;
      continue;
    }
    talk->begin(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

bool Conversation::move(std::size_t index) {
  Talk& talk = *talks_[index];
  const bool greeted = talk.reader().greeting().has_value();
  const auto moved = talk.move();
  if (moved && *moved) heard_ = Clock::now();
  if (!greeted && talk.reader().greeting() && !greet(talk)) return true;
  if (talk.answered()) {
    auto [job, answer] = talk.finish();
    if (!moved) talks_.erase(talks_.begin() + static_cast<std::ptrdiff_t>(index));
    if (job.done) deliver_(std::move(job), std::move(answer));
    return true;
  }
  if (moved) return *moved;
  if (auto alive = wire_->alive(); !alive) {
    lose(alive.error());
    return true;
  }
  if (!talk.reader().greeting()) {
    lose(moved.error());  // the next channel would fare no better
    return true;
  }
  const auto job = talk.release();
  talks_.erase(talks_.begin() + static_cast<std::ptrdiff_t>(index));
  if (job && job->done) {
    const bool ours = moved.error().code == Code::node_unreachable || moved.error().code == Code::timed_out;
    deliver_(std::move(*job), fail(ours ? named(moved.error()) : moved.error()));
  }
  return true;
}

// False when the connection is not the right one, and gone.
bool Conversation::greet(Talk& talk) {
  const auto& identity = talk.reader().greeting()->identity;
  const bool made_up = machine_.starts_with("is=");
  if (!made_up && machine_ != "any" && identity.machine_id != machine_) {
    Error error{Code::node_unreachable,
                "another machine answers: its id is " + identity.machine_id + ", not " + machine_,
                "if the machine was replaced: grid daemon stop; the next command starts it, and it asks anew",
                {},
                true};
    usable_ = false;
    lose(std::move(error));
    return false;
  }
  if (machine_ == "any") machine_ = identity.machine_id;
  if (!usable_) {
    login_ = LoginFacts{talk.reader().noise_bytes(), talk.reader().noise(),
                        duration_cast<milliseconds>(Clock::now() - opened_), talk.reader().greeting()};
  }
  usable_ = true;
  failures_ = 0;
  return true;
}

void Conversation::expire() {
  const auto now = Clock::now();
  for (auto job = waiting_.begin(); job != waiting_.end();) {
    if (job->waits_until > now) {
      ++job;
      continue;
    }
    auto late = std::move(*job);
    job = waiting_.erase(job);
    deliver_(std::move(late), fail(named({Code::timed_out, "no channel became free in time", {}, {}, true})));
  }
  for (std::size_t i = 0; wire_ && i < talks_.size();) {
    Talk& talk = *talks_[i];
    if (talk.deadline() > now) {
      ++i;
      continue;
    }
    if (!talk.reader().greeting()) {
      return lose({Code::timed_out,
                   "the login shell did not start /bin/sh in time",
                   "look at the profile of the login shell there",
                   {},
                   true});
    }
    // A host that says nothing at all takes its other answers with it.
    const bool is_beat = talk.job() && !talk.job()->done;
    if (is_beat || now - heard_ >= settings_.beat_after * 2)
      return lose(silent(duration_cast<milliseconds>(now - heard_)));
    const auto job = talk.release();
    talks_.erase(talks_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!job) continue;
    const std::string verb = job->request.verb;
    deliver_(std::move(*job), fail(named({Code::timed_out, verb + ": no answer in time", {}, {}, true})));
  }
}

// A connection that died without a word looks like a host that thinks.
void Conversation::beat() {
  const bool asked = std::any_of(talks_.begin(), talks_.end(),
                                 [](const auto& talk) { return talk->job() && talk->reader().greeting(); });
  const bool beating = std::any_of(talks_.begin(), talks_.end(),
                                   [](const auto& talk) { return talk->job() && !talk->job()->done; });
  if (!asked || beating || Clock::now() - heard_ < settings_.beat_after) return;
  Talk* const talk = idle_talk();
  if (talk == nullptr) return;
  Job job;
  job.request.verb = "beat";
  job.request.deadline = settings_.beat_after;
  talk->begin(std::move(job));
}

void Conversation::poll_set(std::vector<pollfd>& set) const {
  if (!wire_) return;
  const bool writing =
      std::any_of(talks_.begin(), talks_.end(), [](const auto& talk) { return talk->writing(); });
  wire_->poll_set(set, writing);
}

Clock::time_point Conversation::wake_at() const {
  auto at = Clock::time_point::max();
  bool asked = false;
  for (const auto& talk : talks_) {
    at = std::min(at, talk->deadline());
    asked = asked || talk->job();
  }
  for (const auto& job : waiting_) at = std::min(at, job.waits_until);
  if (asked) at = std::min(at, std::max(heard_ + settings_.beat_after, Clock::now() + milliseconds(500)));
  return at;
}

}  // namespace grid::ssh
