#include "core/loop/scan_turn.hpp"

#include <optional>

#include "core/client/api_client.hpp"
#include "core/loop/loop.hpp"
#include "core/loop/loop_host.hpp"
#include "core/loop/views.hpp"
#include "core/store/store.hpp"

namespace grid {
namespace {

// A lone scan starts nothing, so no run ever reports to it.
class NoRuns : public RunSink {
 public:
  void started(const Run&, const std::vector<RunStarted>&) override {}
  void ended(const Run&, const std::vector<RunEnded>&) override {}
  void lost(const Run&, const std::string&) override {}
  void finished(const Run&) override {}
};

// What a daemon would know, asked once at the start.
struct Known {
  std::map<std::string, Nodes::Load> load;
  std::map<std::int32_t, std::string> held;  // pid → execution
  std::string memory;
};

Known ask_daemon(ApiClient& client, const std::string& policy) {
  Known known;
  constexpr ApiClient::Milliseconds patience{2000};
  if (const auto memory = client.get("/v1/policy/memory?policy=" + url_part(policy), patience))
    known.memory = memory->value("memory", std::string());
  const auto snapshot = client.get("/v1/snapshot", patience);
  if (!snapshot) return known;
  for (const Json& node : snapshot->value("nodes", Json::array())) {
    Nodes::Load load;
    const Json reserved = node.value("reserved", Json::object());
    load.reserved.cpus = reserved.value("cpus", 0.0);
    load.reserved.memory_bytes = reserved.value("memory_bytes", std::uint64_t{0});
    load.running = node.value("running", 0U);
    known.load[node.value("name", std::string())] = load;
  }
  for (const Json& tree : snapshot->value("suspended", Json::array()))
    known.held[tree.value("pid", 0)] = tree.value("execution", std::string());
  return known;
}

class LoneServices : public LoopServices {
 public:
  LoneServices(Host& host, const ScanRequest& request, Known known) : host_(host), known_(std::move(known)) {
    options_.file_root = request.config.head.file_root;
    options_.interval_seconds = request.interval_seconds;
    options_.free_loss_seconds = request.config.offload.free_loss_seconds;
  }
  void scan(std::function<void(Result<HeadScan>)> done) override {
    host_.work([this, done = std::move(done)] {
      auto found = std::make_shared<Result<HeadScan>>(scan_once(options_));
      host_.post([found, done] { done(std::move(*found)); });
    });
  }
  std::map<std::string, Nodes::Load> load() const override { return known_.load; }
  void complete(Snapshot& snapshot) const override {
    for (Candidate& candidate : snapshot.candidates)
      if (const auto held = known_.held.find(candidate.root.pid); held != known_.held.end()) {
        candidate.execution = held->second;
        candidate.paused = true;
      }
  }
  std::string memory() const override { return known_.memory; }
  void place(const Snapshot&) override {}
  void record(const Turn&) override {}
  void show(const Turn&) override {}

 private:
  Host& host_;
  ScanOptions options_;
  Known known_;
};

}  // namespace

Result<Json> scan_turn(const ScanRequest& request, LoopHost& host, Registry& registry) {
  const Config& config = request.config;
  auto client = ApiClient::connect(request.dirs.socket(), ApiClient::Milliseconds(500));
  Known known;
  if (client) {
    known = ask_daemon(*client, config.policy);
  } else if (auto store = Store::open_read_only(request.dirs.store())) {
    if (auto memory = store->memory(config.policy)) known.memory = std::move(*memory);
  }

  const auto options = config.plugins.find("policy." + config.policy);
  auto policy =
      registry.policy(config.policy, Options(options == config.plugins.end() ? Values{} : options->second));
  if (!policy) return fail(policy.error());
  NoRuns sink;
  Nodes nodes(config, request.dirs, registry, host, sink);
  if (auto opened = nodes.open(); !opened) return fail(opened.error());
  LoneServices services(host, request, std::move(known));
  Loop loop(config, host, nodes, *policy, services);

  std::optional<Turn> turn;
  // Rates need two readings: one now, one after the look at the processes.
  nodes.refresh([&] {
    loop.turn([&](const Turn& done) {
      turn = done;
      host.stop();
    });
  });
  const auto limit =
      std::chrono::milliseconds(static_cast<std::int64_t>(1000 * request.interval_seconds) + 10'000);
  const auto timer = host.after(limit, [&] { host.stop(); });
  host.run();
  if (!turn) return fail(Code::timed_out, "the scan did not end in time");
  if (!turn->problem.empty()) return fail(Code::plugin_fault, turn->problem);

  Json scan = scan_to_json(*turn->snapshot, turn->decision, {turn->processes, false}, request.top);
  if (client) {
    const auto recorded = client->post("/v1/decisions", Json{{"scan", scan}, {"memory", turn->memory}});
    scan["recorded"] = recorded && recorded->value("recorded", false);
  }
  return scan;
}

}  // namespace grid
