// `grid doctor`: numbered checks of the head and of each worker, each with what to do about it. What a link
// finds comes first, in its order; then what only the core knows: who is there, and the environments of the
// configuration. Every step has a deadline, and no node waits for another.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/daemon/head_checks.hpp"
#include "core/daemon/service.hpp"
#include "grid/sdk/run_directory.hpp"

namespace grid {
namespace {

using State = Check::State;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds diagnose_limit{30'000};
constexpr Milliseconds step_limit{15'000};

const char* to_string(State state) {
  switch (state) {
    case State::good:
      return "good";
    case State::warning:
      return "warning";
    case State::bad:
      return "bad";
    case State::skipped:
      break;
  }
  return "skipped";
}

// `done` at the latest after `limit`, whatever a link does with it.
template <class T>
Done<T> within(Host& host, Milliseconds limit, Done<T> done) {
  struct Once {
    Done<T> done;
    std::unique_ptr<Host::Handle> timer;
    void answer(Result<T> result) {
      if (!done) return;
      const Done<T> call = std::exchange(done, nullptr);
      timer.reset();
      call(std::move(result));
    }
  };
  auto once = std::make_shared<Once>();
  once->done = std::move(done);
  once->timer = host.after(limit, [once, limit] {
    once->answer(fail(Code::timed_out, fmt::format("no answer within {} s", limit.count() / 1000), {}, true));
  });
  return [once](Result<T> result) { once->answer(std::move(result)); };
}

EnvironmentSetup setup_of(const std::string& name, const EnvironmentConfig& environment) {
  EnvironmentSetup setup;
  setup.name = name;
  setup.require = environment.require;
  for (const auto& [variable, value] : environment.variables)
    setup.variables.push_back(variable + "=" + value);
  setup.path = environment.path;
  setup.source = environment.source;
  return setup;
}

std::string list(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

// What of an environment a node has. `missing_is`: how bad that is there.
Check environment_check(const std::string& node, const EnvironmentSetup& setup,
                        const Result<ProbeReport>& report, State missing_is) {
  Check check{"environment " + setup.name, State::good, "", ""};
  if (!report) {
    check.state = State::bad;
    check.text = "cannot be looked at: " + report.error().message;
    check.fix = report.error().hint;
    return check;
  }
  std::vector<std::string> found;
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < setup.require.size(); ++i) {
    const bool there = i < report->found_required.size() && !report->found_required[i].empty();
    (there ? found : missing).push_back(there ? report->found_required[i] : setup.require[i]);
  }
  if (missing.empty()) {
    check.text = found.empty() ? "requires no program" : "has " + list(found);
    return check;
  }
  check.state = missing_is;
  check.text = fmt::format("lacks {}; looked in PATH {}", list(missing), report->path);
  if (!setup.source.empty())
    check.text += report->sourced.empty() ? fmt::format("; none of {} exists", list(setup.source))
                                          : fmt::format(", after {}", list(report->sourced));
  check.fix = fmt::format("install {} there, or say where it is: nodes.{}.environments.{}.path or .source",
                          list(missing), node, setup.name);
  return check;
}

}  // namespace

class Doctor : public std::enable_shared_from_this<Doctor> {
 public:
  Doctor(Service& service, std::string version, Done<Json> done)
      : service_(service), version_(std::move(version)), done_(std::move(done)) {}

  void begin(const std::vector<std::string>& names) {
    patients_.resize(names.size());
    left_ = names.size();
    for (std::size_t i = 0; i < names.size(); ++i) {
      patients_[i].name = names[i];
      if (names[i] == service_.nodes_.head())
        examine_head(patients_[i]);
      else
        examine_worker(patients_[i]);
    }
  }

 private:
  struct Patient {
    std::string name;
    std::vector<Check> checks;
    bool reachable = true;
    std::vector<Check> environments;
    std::size_t environments_left = 0;
    [[nodiscard]] bool has_bad() const {
      return std::any_of(checks.begin(), checks.end(), [](const Check& c) { return c.state == State::bad; });
    }
  };

  void examine_head(Patient& patient) {
    HeadPlaces places;
    places.state = service_.dirs_.state;
    places.run_root = service_.config_.run_root.empty() ? run_directory::default_root()
                                                        : std::filesystem::path(service_.config_.run_root);
    places.shim = service_.dirs_.shim();
    if (const auto local = service_.config_.plugins.find(std::string("transport.") + local_transport);
        local != service_.config_.plugins.end())
      if (const auto shim = local->second.find("shim"); shim != local->second.end())
        if (const auto* const path = std::get_if<std::string>(&shim->second);
            path != nullptr && !path->empty())
          places.shim = *path;
    Done<std::vector<Check>> looked = within<std::vector<Check>>(
        service_.host_, step_limit,
        [this, self = shared_from_this(), &patient](Result<std::vector<Check>> checks) {
          if (checks)
            patient.checks = std::move(*checks);
          else
            patient.checks.push_back({"folders", State::bad, checks.error().message,
                                      "a file system hangs: look at the mounts of this machine"});
          patient.checks.push_back(store());
          patient.checks.push_back(plugins());
          patient.checks.push_back(paused());
          patient.checks.push_back(
              {"version", State::good, fmt::format("grid {}, plugin ABI {}", version_, GRID_ABI), ""});
          examine_environments(patient, State::warning);
        });
    service_.host_.work([&host = service_.host_, places, looked] {
      auto checks = std::make_shared<std::vector<Check>>(check_head(places));
      host.post([checks, looked] { looked(std::move(*checks)); });
    });
  }

  [[nodiscard]] Check store() const {
    const std::string& why = service_.ledger_.degraded();
    if (why.empty()) return {"store", State::good, service_.dirs_.store().string(), ""};
    return {"store", State::bad, "takes no writes, so nothing is started: " + why,
            "free some space on the disk of the state folder"};
  }

  [[nodiscard]] Check plugins() const {
    const std::vector<PluginStatus> all = service_.registry_.list();
    Check check{"plugins", State::good, fmt::format("{} found, none at fault", all.size()), ""};
    for (const PluginStatus& each : all) {
      if (each.state == PluginState::ok || each.state == PluginState::available) continue;
      const std::string text =
          fmt::format("{}.{} is {}: {}", to_string(each.kind), each.name, to_string(each.state), each.reason);
      check.text = check.state == State::good ? text : check.text + "; " + text;
      check.state = State::bad;
      check.fix = "see: grid plugin list; a restart tries again: grid daemon stop";
    }
    return check;
  }

  [[nodiscard]] Check paused() const {
    Check check{"paused trees", State::good, "none", ""};
    std::vector<std::string> trees;
    std::string first;
    for (const auto& [id, task] : service_.ledger_.active()) {
      const Execution& x = task.elements.front();
      if (!x.move || x.attempts.empty() || x.attempts.front().state != AttemptState::suspended) continue;
      if (first.empty()) first = std::to_string(id);
      trees.push_back(fmt::format("process {} by execution {}", x.move->members.front().pid, id));
    }
    if (trees.empty()) return check;
    check.text = list(trees);
    check.fix = "they go on when their copies fail; to end a copy and go on here: grid cancel " + first;
    return check;
  }

  void examine_worker(Patient& patient) {
    Link* const link = service_.nodes_.link(patient.name);
    if (link == nullptr) {
      const auto why = service_.nodes_.trouble(patient.name);
      patient.checks.push_back({"transport", State::bad, why ? why->message : "it cannot be had",
                                why && !why->hint.empty() ? why->hint : "see: grid plugin list"});
      return skip_rest(patient, "its transport cannot be had");
    }
    patient.checks.push_back({"transport", State::good, service_.nodes_.transport(patient.name), ""});
    link->diagnose(within<std::vector<Check>>(
        service_.host_, diagnose_limit,
        [this, self = shared_from_this(), &patient, link](Result<std::vector<Check>> checks) {
          if (checks)
            patient.checks.insert(patient.checks.end(), checks->begin(), checks->end());
          else
            patient.checks.push_back({"link", State::bad, checks.error().message, checks.error().hint});
          // Also after a bad check: it says whether the node can be reached at all.
          link->identify(within<Link::Identity>(
              service_.host_, step_limit,
              [this, self, &patient](Result<Link::Identity> identity) { identified(patient, identity); }));
        }));
  }

  void identified(Patient& patient, const Result<Link::Identity>& identity) {
    if (!identity) {
      const Error& why = identity.error();
      patient.reachable =
          exit_code(why.code) != exit_code(Code::node_unreachable) && why.code != Code::timed_out;
      // The first bad check explains it already.
      if (patient.has_bad())
        patient.checks.push_back({"identity", State::skipped, "see above", ""});
      else
        patient.checks.push_back({"identity", State::bad, why.message, why.hint});
      return skip_rest(patient, "the node does not say who it is");
    }
    std::string text = "machine " + identity->machine_id;
    if (!identity->host_name.empty()) text += ", host " + identity->host_name;
    if (!identity->user.empty()) text += ", as " + identity->user;
    patient.checks.push_back({"identity", State::good, std::move(text), ""});
    if (const auto why = service_.nodes_.trouble(patient.name); why && why->code == Code::policy_denied)
      patient.checks.push_back({"machine", State::bad, why->message, why->hint});
    examine_environments(patient, State::bad);
  }

  void skip_rest(Patient& patient, const std::string& why) {
    for (const auto& [name, unused] : service_.config_.environments)
      patient.checks.push_back({"environment " + name, State::skipped, why, ""});
    finished();
  }

  void examine_environments(Patient& patient, State missing_is) {
    const Config& config = service_.config_;
    Link* const link = service_.nodes_.link(patient.name);
    if (config.environments.empty() || link == nullptr) return finished();
    patient.environments.resize(config.environments.size());
    patient.environments_left = config.environments.size();
    std::size_t at = 0;
    for (const auto& [name, unused] : config.environments) {
      const EnvironmentSetup setup = setup_of(name, *environment_on(config, patient.name, name));
      ProbeSpec spec;
      spec.setup = setup;
      Check& into = patient.environments[at++];
      link->probe(spec, within<ProbeReport>(service_.host_, step_limit,
                                            [this, self = shared_from_this(), &patient, &into, setup,
                                             missing_is](Result<ProbeReport> report) {
                                              into =
                                                  environment_check(patient.name, setup, report, missing_is);
                                              if (--patient.environments_left > 0) return;
                                              for (Check& check : patient.environments)
                                                patient.checks.push_back(std::move(check));
                                              finished();
                                            }));
    }
  }

  void finished() {
    if (--left_ > 0) return;
    std::int64_t bad = 0;
    std::int64_t warnings = 0;
    Json answer{{"schema", "grid/doctor/1"}, {"nodes", Json::array()}, {"unreachable", Json::array()}};
    const std::vector<Node> nodes = service_.nodes_.view({});
    for (const Patient& patient : patients_) {
      Json one{{"name", patient.name}, {"reachable", patient.reachable}, {"checks", Json::array()}};
      for (const Node& node : nodes) {
        if (node.name != patient.name) continue;
        one["role"] = std::string(grid::to_string(node.role));
        one["state"] = std::string(grid::to_string(node.state));
        one["simulated"] = node.simulated;
      }
      int number = 0;
      for (const Check& check : patient.checks) {
        bad += check.state == State::bad ? 1 : 0;
        warnings += check.state == State::warning ? 1 : 0;
        one["checks"].push_back({{"number", ++number},
                                 {"name", check.name},
                                 {"state", to_string(check.state)},
                                 {"text", check.text},
                                 {"fix", check.fix}});
      }
      if (!patient.reachable) answer["unreachable"].push_back(patient.name);
      answer["nodes"].push_back(std::move(one));
    }
    answer["bad"] = bad;
    answer["warnings"] = warnings;
    done_(service_.stamped(std::move(answer)));
  }

  Service& service_;
  std::string version_;
  Done<Json> done_;
  std::vector<Patient> patients_;  // never resized once begun
  std::size_t left_ = 0;
};

void Service::doctor(const std::string& node, const std::string& version, Done<Json> done) {
  std::vector<std::string> names{node};
  if (node.empty()) {
    names = nodes_.names();
    std::stable_partition(names.begin(), names.end(),
                          [this](const std::string& name) { return name == nodes_.head(); });
  } else if (auto there = nodes_.ensure(node); !there) {
    return done(fail(there.error()));
  }
  std::make_shared<Doctor>(*this, version, std::move(done))->begin(names);
}

}  // namespace grid
