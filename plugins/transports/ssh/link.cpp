#include "link.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "failures.hpp"
#include "far_end.hpp"
#include "grid/sdk/run_directory.hpp"
#include "node_checks.hpp"
#include "parts.hpp"

namespace grid::ssh {
namespace {

namespace rd = run_directory;

constexpr std::uint64_t most_log_bytes = 16U << 20U;  // in one chunk
constexpr std::chrono::seconds slow_deadline{60};     // of what waits for processes there

Done<Answer> without_answer(Done<> done) {
  return [done = std::move(done)](Result<Answer> answer) {
    if (!answer) return done(fail(answer.error()));
    done({});
  };
}

Result<RunState> state_of(std::string_view word) {
  if (word == "absent") return RunState::absent;
  if (word == "never_started") return RunState::never_started;
  if (word == "running") return RunState::running;
  if (word == "finished") return RunState::finished;
  return fail(Code::node_unreachable, "the node does not say how the run is", {}, true);
}

LogChunk log_chunk(std::string_view output, std::string_view boundary, std::uint64_t offset) {
  LogChunk chunk;
  chunk.offset = offset;
  const Parts parts = split_parts(output, boundary);
  if (parts.parts.empty()) return chunk;
  auto [facts, bytes] = parts.parts.back();
  const auto size = take_word(facts);
  std::from_chars(size.data(), size.data() + size.size(), chunk.size);
  chunk.final = facts == "1";
  // It may have grown since its size was taken.
  if (offset < chunk.size) chunk.bytes = bytes.substr(0, chunk.size - offset);
  return chunk;
}

}  // namespace

SshLink::SshLink(Host& host, RunSink& sink, NodeAddress node, NodeSettings settings, WireFactory factory,
                 WayChecks way_checks)
    : host_(host),
      node_(std::move(node)),
      way_checks_(std::move(way_checks)),
      jobs_(host),
      thread_(host, std::move(settings), std::move(factory)),
      verbs_(thread_, node_.name) {
  follower_.emplace(host, thread_, verbs_, sink, node_.directory);
}

SshLink::~SshLink() { stop(); }

void SshLink::stop() noexcept {
  jobs_.stop();
  thread_.stop();
  follower_.reset();
  alive_.reset();
}

template <class T>
void SshLink::refuse(Error error, Done<T> done) {
  host_.post(
      [alive = std::weak_ptr(alive_), error = of_node(std::move(error), node_.name), done = std::move(done)] {
        if (!alive.expired()) done(fail(error));
      });
}

template <class T>
bool SshLink::good(const Run& run, const Done<T>& done) {
  for (const auto& part : {run.head_id, run.name}) {
    if (rd::is_name(part)) continue;
    refuse<T>({Code::usage, "'" + part + "' cannot be part of a run directory's path", {}, {}, false}, done);
    return false;
  }
  return true;
}

Error SshLink::not_running() const { return {Code::not_found, "it does not run", {}, {}, false}; }

void SshLink::place(Done<Place> done) {
  ask_place(verbs_, [this, done = std::move(done)](Result<Place> place) {
    if (place) place_ = *place;
    done(std::move(place));
  });
}

void SshLink::identify(Done<Identity> done) {
  place([done = std::move(done)](Result<Place> place) {
    if (!place) return done(fail(place.error()));
    done(std::move(place->identity));
  });
}

void SshLink::read(const Needs& needs, Done<Reading> done) {
  ask_reading(verbs_, needs, node_.file_root, std::move(done));
}

void SshLink::probe(const ProbeSpec& spec, Done<ProbeReport> done) {
  ask_probe(verbs_, spec, node_.directory, node_.simulated, std::move(done));
}

Result<Request> SshLink::claim(std::string verb, const RunSpec& spec) const {
  if (spec.task.argv.empty() || spec.elements.empty() || spec.slots == 0)
    return fail(Code::usage, "a run needs a command, an element and a slot");
  std::string text = rd::encode(rd::make_spec(spec, random_token()));
  if (auto checked = rd::decode_spec(text); !checked) return fail(checked.error());
  const std::string size = std::to_string(text.size());
  return request(
      std::move(verb),
      {node_.directory, spec.run.head_id, spec.run.name, escaped(spec.nonce), random_token(), size},
      std::move(text));
}

void SshLink::prepare(const RunSpec& spec, Done<> done) {
  if (!good(spec.run, done)) return;
  auto made = claim("prepare", spec);
  if (!made) return refuse(made.error(), std::move(done));
  verbs_.ask(std::move(*made), without_answer(std::move(done)));
}

void SshLink::start(const RunSpec& spec, Done<> done) {
  if (!good(spec.run, done)) return;
  auto made = claim("start", spec);
  if (!made) return refuse(made.error(), std::move(done));
  made->arguments.push_back(shim_hash());
  made->deadline = slow_deadline;
  verbs_.ask_with_shim(node_.directory, std::move(*made),
                       [this, run = spec.run, done = std::move(done)](Result<Answer> answer) {
                         if (!answer) return done(fail(answer.error()));
                         const std::weak_ptr<bool> alive = alive_;
                         done({});
                         if (!alive.expired()) follower_->follow(run, answer->output);
                       });
  follower_->expect(spec.run.head_id);
}

void SshLink::attach(const Run& run, Done<RunState> done) {
  if (!good(run, done)) return;
  verbs_.ask(request("attach", {node_.directory, run.head_id, run.name}),
             [this, run, done = std::move(done)](Result<Answer> answer) {
               if (!answer) return done(fail(answer.error()));
               std::string_view journal = answer->output;
               const auto word = journal.substr(0, journal.find('\n'));
               journal.remove_prefix(std::min(journal.size(), word.size() + 1));
               const auto state = state_of(word);
               const std::weak_ptr<bool> alive = alive_;
               done(state);
               if (alive.expired() || !state) return;
               if (*state == RunState::running || *state == RunState::finished)
                 follower_->follow(run, journal);
             });
}

void SshLink::signal(const Run& run, std::uint32_t element, int signal, Done<> done) {
  const Followed* const followed = follower_->find(run);
  const auto process = followed != nullptr ? followed->process(element) : std::nullopt;
  if (!process || !followed->shim()) return refuse(not_running(), std::move(done));
  verbs_.ask(request("signal", {std::to_string(process->pid), std::to_string(process->start_ticks),
                                followed->shim()->boot_id, std::to_string(signal)}),
             without_answer(std::move(done)));
}

void SshLink::cancel(const Run& run, const std::vector<std::uint32_t>& elements, Done<> done) {
  if (!good(run, done)) return;
  std::vector<std::string> arguments{node_.directory, run.head_id, run.name};
  for (const auto element : elements) arguments.push_back(std::to_string(element));
  verbs_.ask(request("cancel", std::move(arguments)), without_answer(std::move(done)));
}

void SshLink::read_log(const Run& run, std::uint32_t element, Stream stream, std::uint64_t offset,
                       std::uint64_t max_bytes, Done<LogChunk> done) {
  if (!good(run, done)) return;
  const std::string boundary = random_token();
  verbs_.ask(request("log", {boundary, node_.directory, run.head_id, run.name, std::to_string(element),
                             stream == Stream::out ? "out" : "err", std::to_string(offset),
                             std::to_string(std::min(max_bytes, most_log_bytes))}),
             [boundary, offset, done = std::move(done)](Result<Answer> answer) {
               if (!answer) return done(fail(answer.error()));
               done(log_chunk(answer->output, boundary, offset));
             });
}

void SshLink::forget(const Run& run, Done<> done) {
  if (!good(run, done)) return;
  if (follower_->find(run) != nullptr)
    return refuse({Code::resource_conflict, "run " + run.name + " has not finished", {}, {}, false},
                  std::move(done));
  Request forgetting = request("forget", {node_.directory, run.head_id, run.name, shim_hash()});
  forgetting.deadline = slow_deadline;
  verbs_.ask_with_shim(node_.directory, std::move(forgetting), without_answer(std::move(done)));
}

void SshLink::diagnose(Done<std::vector<Check>> done) {
  using Checks = std::vector<Check>;
  jobs_.run<Checks>(
      [checks = way_checks_](const Stopping& stopping) -> Result<Checks> { return checks(stopping); },
      [this, done = std::move(done)](Result<Checks> way) {
        if (!way) return done(std::move(way));
        const bool blocked = std::any_of(way->begin(), way->end(),
                                         [](const Check& check) { return check.state == Check::State::bad; });
        if (blocked) return done(std::move(way));
        thread_.forgive();
        check_node(host_, thread_, verbs_, node_.directory, node_.simulated,
                   [way = std::move(*way), done](Result<Checks> node) mutable {
                     if (node) {
                       std::move(node->begin(), node->end(), std::back_inserter(way));
                     } else {
                       way.push_back({"shell", Check::State::bad, node.error().message, node.error().hint});
                     }
                     done(std::move(way));
                   });
      });
}

void SshLink::folder(const Run& run, Done<std::string> done) {
  if (!good(run, done)) return;
  const auto path = [this, run](const Place& place) {
    const std::string root = node_.directory.empty() ? "/var/tmp/grid-" + place.uid : node_.directory;
    return root + '/' + run.head_id + '/' + place.identity.machine_id + '/' + run.name;
  };
  if (place_) return done(path(*place_));
  place([path, done = std::move(done)](Result<Place> place) {
    if (!place) return done(fail(place.error()));
    done(path(*place));
  });
}

}  // namespace grid::ssh
