// A link over local processes, in a run root of its own.
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <optional>

#include "grid/sdk/run_directory.hpp"
#include "link.hpp"
#include "testing.hpp"

namespace grid::ssh::testing {

namespace rd = run_directory;

class Recorder final : public RunSink {
 public:
  void started(const Run&, const std::vector<RunStarted>& elements) override {
    for (const auto& element : elements)
      EXPECT_TRUE(starts.emplace(element.element, element.process).second) << "started twice";
  }
  void ended(const Run&, const std::vector<RunEnded>& elements) override {
    EXPECT_EQ(finals, 0);
    for (const auto& element : elements)
      EXPECT_TRUE(endings.emplace(element.element, element.ending).second) << "ended twice";
  }
  void lost(const Run&, const std::string& why) override {
    lost_because = why;
    ++finals;
  }
  void finished(const Run&) override { ++finals; }

  std::map<std::uint32_t, ProcessId> starts;
  std::map<std::uint32_t, Ending> endings;
  std::string lost_because;
  int finals = 0;
};

inline std::string contents(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline bool lives(const ProcessId& process) {
  const auto facts = rd::process_facts(process.pid);
  return facts && facts->id == process && facts->state != 'Z';
}

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() {
    std::string name = fs::temp_directory_path() / "grid-ssh-XXXXXX";
    base = ::mkdtemp(name.data());
    root = base / "runs";
    node.name = "worker";
    node.machine_id = "m1";
    node.simulated = true;
    node.directory = root;
  }
  ~LinkTest() override {
    link.reset();
    std::error_code ignored;
    fs::remove_all(base, ignored);
  }

  // A new link, as after a restart of the daemon.
  void reopen() {
    link.reset();
    sink = Recorder();
    NodeSettings settings;
    settings.node = node.name;
    settings.machine = node.simulated ? "is=" + node.machine_id : "any";
    link = std::make_unique<SshLink>(
        host, sink, node, settings, [this] { return std::make_unique<ProcessWire>(faults); },
        [](const Stopping&) {
          return std::vector<Check>{{"TCP", Check::State::good, "fine", ""}};
        });
  }
  SshLink& open() {
    if (!link) reopen();
    return *link;
  }

  static RunSpec task(std::vector<std::string> argv, const std::string& name = "e1.1") {
    RunSpec spec;
    spec.run = {"head", name};
    spec.nonce = "n1";
    spec.execution = "e1";
    spec.elements = {{0, 1}};
    spec.task.argv = std::move(argv);
    spec.task.cwd = "/";
    spec.task.environment = {"PATH=/usr/bin:/bin"};
    spec.task.grace_seconds = 2;
    return spec;
  }
  static RunSpec shell(const std::string& script) { return task({"sh", "-c", script}); }

  // Makes a call and turns the loop until it is answered.
  template <class T, class Call>
  Result<T> wait(Call call) {
    std::optional<Result<T>> answer;
    call(open(), [&answer](Result<T> result) {
      EXPECT_FALSE(answer) << "answered twice";
      answer = std::move(result);
    });
    EXPECT_FALSE(answer) << "answered from inside the call";
    EXPECT_TRUE(host.run_until([&] { return answer.has_value(); }, std::chrono::seconds(20)));
    return answer ? *answer : Result<T>(fail(Code::internal, "no answer"));
  }
  Result<> start(const RunSpec& spec) {
    return wait<void>([&](Link& l, Done<> done) { l.start(spec, std::move(done)); });
  }
  Result<RunState> attach(const grid::Run& run) {
    return wait<RunState>([&](Link& l, Done<RunState> done) { l.attach(run, std::move(done)); });
  }
  Result<> cancel(const grid::Run& run, std::vector<std::uint32_t> elements = {}) {
    return wait<void>([&](Link& l, Done<> done) { l.cancel(run, elements, std::move(done)); });
  }
  Result<> signal(const grid::Run& run, int number) {
    return wait<void>([&](Link& l, Done<> done) { l.signal(run, 0, number, std::move(done)); });
  }
  Result<> forget(const grid::Run& run) {
    return wait<void>([&](Link& l, Done<> done) { l.forget(run, std::move(done)); });
  }
  Result<LogChunk> log(const grid::Run& run, std::uint64_t offset = 0, std::uint64_t most = 1U << 20U,
                       Stream stream = Stream::out) {
    return wait<LogChunk>(
        [&](Link& l, Done<LogChunk> done) { l.read_log(run, 0, stream, offset, most, std::move(done)); });
  }
  Result<ProbeReport> probe(const ProbeSpec& spec) {
    return wait<ProbeReport>([&](Link& l, Done<ProbeReport> done) { l.probe(spec, std::move(done)); });
  }
  bool until(std::function<bool()> condition, std::chrono::milliseconds limit = std::chrono::seconds(15)) {
    return host.run_until(std::move(condition), limit);
  }
  bool until_final() {
    return until([this] { return sink.finals > 0; });
  }
  // Runs it to its end.
  Ending ending(const RunSpec& spec) {
    const auto started = start(spec);
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    EXPECT_TRUE(until_final());
    EXPECT_EQ(sink.lost_because, "");
    return sink.endings[0];
  }
  fs::path folder(const grid::Run& run) const { return root / run.head_id / "m1" / run.name; }
  ProcessId shim(const grid::Run& run) const {
    std::vector<rd::Record> records;
    EXPECT_TRUE(rd::decode_journal(contents(folder(run) / "journal"), records));
    return std::get<rd::ShimRecord>(records.at(0)).process;
  }

  fs::path base, root;
  NodeAddress node;
  Faults faults;
  testkit::LoopHost host;
  Recorder sink;
  std::unique_ptr<SshLink> link;
};

}  // namespace grid::ssh::testing
