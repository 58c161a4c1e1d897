#include "follower.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "far_end.hpp"
#include "parts.hpp"

namespace grid::ssh {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds poll_period{5'000};         // while rings come
constexpr milliseconds poll_without_rings{1'000};  // no channel can be spared for them
constexpr milliseconds first_retry{500};
constexpr milliseconds longest_retry{5'000};
constexpr milliseconds lost_retry{5'000};
constexpr milliseconds linger{30'000};  // without runs; then the listening channel is given back
constexpr milliseconds window{1'000};
constexpr int most_runs_at_once = 200;

// A short task must be seen at once; thousands of them in batches, or watching would cost as much as the
// tasks.
milliseconds gap(int wakes) { return milliseconds(std::min(wakes * 5, 50)); }

}  // namespace

Follower::Follower(Host& host, NodeThread& thread, const Verbs& verbs, RunSink& sink, std::string root)
    : host_(host),
      thread_(thread),
      verbs_(verbs),
      sink_(sink),
      root_(std::move(root)),
      self_(std::make_shared<Follower*>(this)),
      retry_(first_retry) {}

Follower::~Follower() = default;

const Followed* Follower::find(const Run& run) const {
  const auto found = runs_.find(Key{run.head_id, run.name});
  return found == runs_.end() ? nullptr : &found->second.followed;
}

void Follower::expect(const std::string& head_id) {
  if (listens_to_.empty()) listens_to_ = head_id;
  listen();
  if (runs_.empty()) rest();  // it may not come to a run
}

void Follower::follow(const Run& run, std::string_view journal) {
  const Key key{run.head_id, run.name};
  expect(run.head_id);
  idle_.reset();
  again_.erase(key);
  runs_.erase(key);
  runs_.emplace(key, Entry{Followed(sink_, run, self_), ++last_});
  if (!poll_) rest();
  if (!take_journal(key, journal)) return;
  // What was written since is told by no ring if listening begins only now.
  rung_.insert(key);
  fetch_soon();
}

void Follower::rang(const std::string& names) {
  for (std::string_view rest = names; !rest.empty();) {
    const auto name = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    if (name == "-") {
      hears_ = all_ = true;
      continue;
    }
    const Key key{listens_to_, std::string(name)};
    if (runs_.contains(key)) rung_.insert(key);
  }
  if (all_ || !rung_.empty()) fetch_soon();
}

void Follower::fetch_soon() {
  if (fetching_ > 0 || soon_) return;  // what came meanwhile is fetched after that
  const auto now = host_.now().monotonic;
  if (now - window_ >= window) {
    window_ = now;
    wakes_ = 0;
  }
  soon_ = host_.after(gap(wakes_++), [this] {
    const auto timer = std::move(soon_);  // lives until this call returns
    fetch();
  });
}

void Follower::fetch() {
  std::map<std::string, std::vector<Key>> by_head;
  const bool all = std::exchange(all_, false);
  for (const auto& [key, entry] : runs_) {
    if (all || rung_.contains(key)) by_head[key.first].push_back(key);
  }
  rung_.clear();
  for (const auto& [head_id, keys] : by_head) {
    for (std::size_t first = 0; first < keys.size(); first += most_runs_at_once) {
      const std::string boundary = random_token();
      std::vector<std::string> arguments{boundary, root_, head_id};
      std::map<std::string, std::uint64_t> asked;
      for (std::size_t i = first; i < std::min(keys.size(), first + most_runs_at_once); ++i) {
        const Entry& entry = runs_.at(keys[i]);
        const auto& shim = entry.followed.shim();
        arguments.insert(arguments.end(),
                         {keys[i].second, std::to_string(entry.followed.offset()),
                          std::to_string(shim ? shim->process.pid : 0),
                          std::to_string(shim ? shim->process.start_ticks : 0), shim ? shim->boot_id : "-"});
        asked[keys[i].second] = entry.id;
      }
      ++fetching_;
      verbs_.ask(request("journals", std::move(arguments)),
                 [this, head_id = head_id, boundary, asked](Result<Answer> answer) {
                   const std::weak_ptr<Follower*> alive = self_;
                   if (answer) take_states(head_id, answer->output, boundary, asked);
                   if (alive.expired()) return;
                   if (!answer) {
                     for (const auto& [name, id] : asked) rung_.insert(Key{head_id, name});
                   }
                   fetched(answer.has_value());
                 });
    }
  }
}

void Follower::fetched(bool good) {
  --fetching_;
  if (good) {
    retry_ = first_retry;
    if (!listening_ && !no_channel_ && !runs_.empty()) listen();
    if (fetching_ == 0 && (all_ || !rung_.empty())) fetch_soon();
    return;
  }
  all_ = true;  // whatever was heard meanwhile, the break may have swallowed more
  if (fetching_ > 0) return;
  soon_ = host_.after(retry_, [this] {
    const auto timer = std::move(soon_);
    fetch();
  });
  retry_ = std::min(longest_retry, retry_ * 2);
}

void Follower::take_states(const std::string& head_id, std::string_view output, std::string_view boundary,
                           const std::map<std::string, std::uint64_t>& asked) {
  const std::weak_ptr<Follower*> alive = self_;
  const Parts parts = split_parts(output, boundary);
  // A run may have been attached anew since it was asked for: then this tells of the past.
  const auto current = [&](std::string_view name) {
    const auto id = asked.find(std::string(name));
    const auto entry = runs_.find(Key{head_id, std::string(name)});
    return id != asked.end() && entry != runs_.end() && entry->second.id == id->second;
  };
  for (const auto& part : parts.parts) {
    std::string_view name = part.name;
    if (take_word(name) != "grown" || !current(name)) continue;
    if (!take_journal(Key{head_id, std::string(name)}, part.bytes)) return;
  }
  for (const auto& part : parts.parts) {
    std::string_view name = part.name;
    const auto state = take_word(name);
    if (state == "grown" || state == "alive" || !current(name)) continue;
    settle(Key{head_id, std::string(name)}, state);
    if (alive.expired()) return;
  }
}

bool Follower::take_journal(const Key& key, std::string_view bytes) {
  const std::weak_ptr<Follower*> alive = self_;
  Followed& followed = runs_.at(key).followed;
  const std::uint64_t id = runs_.at(key).id;
  const auto taken = followed.take(bytes);
  if (alive.expired()) return false;
  // The sink may have attached it anew.
  const auto entry = runs_.find(key);
  if (entry == runs_.end() || entry->second.id != id) return true;
  // What stands after the damage can only be told by the shim's end.
  if (!taken) host_.log(LogLevel::error, "run " + key.second + ": " + taken.error().message);
  if (!followed.finished()) return true;
  const Run run = followed.run();
  runs_.erase(entry);
  rest();
  sink_.finished(run);
  return !alive.expired();
}

// Its shim is gone, and its journal was read to the end after that.
void Follower::settle(const Key& key, std::string_view state) {
  Entry& entry = runs_.at(key);
  if (state == "absent") return lose(key, "its run directory is gone");
  if (state == "rebooted") return lose(key, "the machine was restarted while it ran");
  if (entry.losing) return;
  entry.losing = true;
  end(key, entry.id, "its shim ended without a result (killed, or out of memory)");
}

void Follower::end(const Key& key, std::uint64_t id, const std::string& why) {
  Request ending = request("end", {root_, key.first, key.second, shim_hash()});
  verbs_.ask_with_shim(root_, std::move(ending), [this, key, id, why](Result<Answer> answer) {
    const auto entry = runs_.find(key);
    if (entry == runs_.end() || entry->second.id != id) return;
    if (answer) return lose(key, why);
    if (answer.error().code == Code::resource_conflict)
      host_.log(LogLevel::warning, "processes of lost run " + key.second + " do not end yet");
    again_[key] = host_.after(lost_retry, [this, key, id, why] {
      const auto timer = std::move(again_[key]);
      again_.erase(key);
      end(key, id, why);
    });
  });
}

void Follower::lose(const Key& key, const std::string& why) {
  const Run run = runs_.at(key).followed.run();
  again_.erase(key);
  runs_.erase(key);
  rest();
  sink_.lost(run, why);
}

void Follower::listen() {
  if (listening_ != 0 || no_channel_) return;
  hears_ = false;
  Request open = request("listen", {root_, listens_to_});
  open.output = [&host = host_, alive = std::weak_ptr(self_)](std::string_view bytes) -> Result<> {
    host.post([alive, names = std::string(bytes)] {
      if (const auto self = alive.lock()) (*self)->rang(names);
    });
    return {};
  };
  listening_ = thread_.ask_open_ended(std::move(open), [this](Result<Answer> answer) {
    listening_ = 0;
    hears_ = false;
    // What rang since is asked for; when that goes through, listening begins anew.
    all_ = true;
    // An answer is a refusal: asked again at once it would be refused again, many times a second.
    no_channel_ = answer || answer.error().code == Code::resource_conflict;
    rest();
    if (!runs_.empty()) fetch_soon();
  });
}

// The next look without a ring; or, when there is nothing to look at, the end of listening.
void Follower::rest() {
  if (!runs_.empty()) {
    poll_ = host_.after(hears_ ? poll_period : poll_without_rings, [this] {
      const auto timer = std::move(poll_);
      all_ = true;
      fetch_soon();
      rest();
    });
    return;
  }
  poll_.reset();
  idle_ = host_.after(linger, [this] {
    const auto timer = std::move(idle_);
    no_channel_ = false;
    if (listening_ != 0) thread_.hang_up(std::exchange(listening_, 0));
  });
}

}  // namespace grid::ssh
