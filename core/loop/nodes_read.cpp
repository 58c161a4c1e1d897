// What nodes are asked: who they are, and how they are. Links come and go; see nodes.hpp.
#include <algorithm>
#include <utility>

#include "core/loop/node_entry.hpp"

namespace grid {
namespace {

constexpr std::chrono::milliseconds turn_waits{1000};

// Fills what `into` lacks: an earlier source wins.
template <class T>
void fill(std::optional<T>& into, const std::optional<T>& from) {
  if (!into) into = from;
}
template <class T>
void fill(std::vector<T>& into, const std::vector<T>& from) {
  if (into.empty()) into = from;
}

void merge(Sample& into, const Sample& from) {
  fill(into.cpus, from.cpus);
  fill(into.cpu_fraction, from.cpu_fraction);
  fill(into.load1, from.load1);
  fill(into.runnable_threads, from.runnable_threads);
  fill(into.memory_total_bytes, from.memory_total_bytes);
  fill(into.memory_available_bytes, from.memory_available_bytes);
  fill(into.swap_total_bytes, from.swap_total_bytes);
  fill(into.swap_free_bytes, from.swap_free_bytes);
  fill(into.uptime_seconds, from.uptime_seconds);
  fill(into.pressure.cpu_some, from.pressure.cpu_some);
  fill(into.pressure.memory_some, from.pressure.memory_some);
  fill(into.pressure.memory_full, from.pressure.memory_full);
  fill(into.pressure.io_some, from.pressure.io_some);
  fill(into.pressure.io_full, from.pressure.io_full);
  fill(into.disks, from.disks);
  fill(into.nets, from.nets);
  fill(into.gpus, from.gpus);
}

}  // namespace

void Nodes::refresh(std::function<void()> done) {
  auto turn = std::make_shared<Turn>();
  turn->done = std::move(done);
  turn->head = true;  // until all have been asked
  std::vector<std::weak_ptr<Entry>> waited_for;
  bool head_asked = false;
  for (auto& [name, entry] : entries_) {
    if (entry->link == nullptr || entry->config.simulated || entry->reading) continue;
    if (!entry->identified) identify(entry);
    if (entry->role == Role::head) {
      head_asked = true;
      read(entry, [turn] {
        turn->head = false;
        turn->look();
      });
    } else if (entry->prompt) {
      ++turn->workers;
      waited_for.push_back(entry);
      read(entry, [turn] {
        --turn->workers;
        turn->look();
      });
    } else {
      read(entry, [] {});
    }
  }
  if (!head_asked)
    host_.post([turn] {
      turn->head = false;
      turn->look();
    });
  if (waited_for.empty()) return;
  turn->timer = host_.after(turn_waits, [weak = std::weak_ptr(turn), waited_for] {
    const auto late = weak.lock();
    if (!late) return;
    late->late = true;
    for (const auto& each : waited_for)
      if (const auto entry = each.lock(); entry && entry->reading) entry->prompt = false;
    late->look();
  });
}

void Nodes::look(const Entries& entry) {
  if (entry->link == nullptr) return;
  identify(entry);
  if (!entry->reading) read(entry, [] {});
}

void Nodes::try_again(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end() || found->second->link == nullptr) return;
  Entry& entry = *found->second;
  entry.link->try_again();
  entry.identity_asked = entry.read_ended = false;
  entry.identity_error.reset();
  look(found->second);
}

void Nodes::identify(const Entries& entry) {
  if (std::exchange(entry->identifying, true)) return;
  entry->link->identify([this, weak = std::weak_ptr(entry)](Result<Link::Identity> identity) {
    const auto known = weak.lock();
    if (!known) return;
    known->identifying = false;
    known->identity_asked = true;
    if (!identity) {
      known->identity_error = identity.error();
      if (news_) news_();
      return;
    }
    known->identity_error.reset();
    known->identified = true;
    const Link::Identity before = std::exchange(known->identity, std::move(*identity));
    const Link::Identity& now = known->identity;
    if (!before.machine_id.empty() && before.machine_id != now.machine_id)
      tell("node_changed", known->name, "another machine answers as " + known->name);
    else if (!before.boot_id.empty() && !now.boot_id.empty() && before.boot_id != now.boot_id)
      tell("node_rebooted", known->name, known->name + " has rebooted");
    if (news_) news_();
  });
}

void Nodes::read(const Entries& entry, std::function<void()> done) {
  entry->reading = true;
  entry->read_began = host_.now();
  Needs needs;
  for (const auto& source : entry->sources) {
    const auto wanted = source->needs();
    if (!wanted) continue;
    needs.files.insert(needs.files.end(), wanted->files.begin(), wanted->files.end());
    needs.globs.insert(needs.globs.end(), wanted->globs.begin(), wanted->globs.end());
    needs.urls.insert(needs.urls.end(), wanted->urls.begin(), wanted->urls.end());
  }
  entry->link->read(needs,
                    [this, weak = std::weak_ptr(entry), done = std::move(done)](Result<Reading> reading) {
                      const auto known = weak.lock();
                      if (!known) return;
                      if (reading)
                        return sample(known, std::make_shared<const Reading>(std::move(*reading)), done);
                      known->reading = false;
                      failed(*known, reading.error());
                      done();
                    });
}

void Nodes::sample(const Entries& entry, std::shared_ptr<const Reading> now, std::function<void()> done) {
  struct Gathering {
    std::vector<Sample> samples;  // by source: they answer in any order
    std::size_t left = 0;
    std::string problem;
  };
  const auto finish = [this, weak = std::weak_ptr(entry), now,
                       done = std::move(done)](const Gathering& found) {
    const auto known = weak.lock();
    if (!known) return;
    Sample merged;
    for (const Sample& each : found.samples) merge(merged, each);
    known->reading = false;
    known->before = now;
    known->sample = std::move(merged);
    known->sampled = host_.now();
    known->has_sample = true;
    known->sample_problem = found.problem;
    answered(known);
    done();
  };
  auto gathering = std::make_shared<Gathering>();
  gathering->left = entry->sources.size();
  gathering->samples.resize(entry->sources.size());
  if (entry->sources.empty()) return finish({{}, 0, "none of its metrics plugins can be had"});
  for (std::size_t i = 0; i < entry->sources.size(); ++i)
    entry->sources[i]->sample_async(now, entry->before, [i, gathering, finish](Result<Sample> sample) {
      if (sample)
        gathering->samples[i] = std::move(*sample);
      else
        gathering->problem = sample.error().message;
      if (--gathering->left == 0) finish(*gathering);
    });
}

void Nodes::failed(Entry& entry, const Error& error) {
  const bool is_news = !entry.read_error && entry.has_sample;
  entry.read_error = error;
  entry.prompt = false;  // what does not answer is not waited for
  const bool first = !std::exchange(entry.read_ended, true);
  if (is_news) tell("node_unreachable", entry.name, entry.name + " cannot be read: " + error.message);
  if (first && news_) news_();
}

void Nodes::answered(const Entries& entry) {
  const bool again = entry->read_error.has_value();
  entry->read_error.reset();
  entry->prompt = host_.now().monotonic - entry->read_began.monotonic <= turn_waits;
  const bool first = !std::exchange(entry->read_ended, true);
  if (again) {
    // Nobody knows what has become of it meanwhile.
    entry->identified = false;
    identify(entry);
    if (entry->has_sample) tell("node_back", entry->name, entry->name + " answers again");
  }
  if ((first || again) && news_) news_();
}

}  // namespace grid
