// The local transport on a real loop, with real processes, in a run root of its own.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "directory.hpp"
#include "grid/sdk/plugin.hpp"
#include "grid/sdk/run_directory.hpp"
#include "grid/sdk/testkit/loop_host.hpp"
#include "grid/sdk/transport.hpp"

extern "C" const grid::Descriptor grid_plugin_descriptor;

namespace grid::local::testing {

namespace fs = std::filesystem;
namespace rd = run_directory;

class Recorder final : public RunSink {
 public:
  void started(const Run&, const std::vector<RunStarted>& elements) override {
    for (const auto& element : elements) {
      EXPECT_TRUE(starts.emplace(element.element, element.process).second) << "started twice";
    }
  }
  void ended(const Run&, const std::vector<RunEnded>& elements) override {
    for (const auto& element : elements) {
      EXPECT_TRUE(endings.emplace(element.element, element.ending).second) << "ended twice";
    }
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
  return read_text(file, 64U << 20U).value_or(std::string());
}

inline bool alive(const ProcessId& process) {
  const auto facts = rd::process_facts(process.pid);
  return facts && facts->id == process && facts->state != 'Z';
}

class LocalTest : public ::testing::Test {
 protected:
  LocalTest() {
    std::string name = fs::temp_directory_path() / "grid-local-XXXXXX";
    base = ::mkdtemp(name.data());
    root = base / "runs";
    transport.reset(dynamic_cast<Transport*>(grid_plugin_descriptor.make(host)));
    EXPECT_TRUE(transport->configure(Options({{"shim", std::string(GRID_BUILD_DIR "/lib/grid/grid-shim")}})));
    EXPECT_TRUE(transport->start());
    reopen();
  }
  ~LocalTest() override {
    link.reset();
    transport->stop();
    transport.reset();
    std::error_code ignored;
    fs::remove_all(base, ignored);
  }

  // A new link, as after a restart of the daemon.
  void reopen() {
    link.reset();
    sink = Recorder();
    NodeAddress node;
    node.name = "worker";
    node.machine_id = "m1";
    node.simulated = true;
    node.directory = root;
    link = std::move(*transport->open(node, sink));
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
    spec.task.grace_seconds = 5;
    return spec;
  }
  static RunSpec shell(const std::string& script) { return task({"sh", "-c", script}); }
  static RunSpec array(std::uint32_t count, std::uint32_t slots, const std::string& script) {
    RunSpec spec = shell(script);
    spec.array = true;
    spec.slots = slots;
    spec.elements.clear();
    for (std::uint32_t i = 0; i < count; ++i) spec.elements.push_back({i, 1});
    return spec;
  }

  // Makes a call and turns the loop until it is answered.
  template <class T, class Call>
  Result<T> wait(Call call) {
    std::optional<Result<T>> answer;
    call([&answer](Result<T> result) {
      EXPECT_FALSE(answer) << "answered twice";
      answer = std::move(result);
    });
    EXPECT_FALSE(answer) << "answered from inside the call";
    EXPECT_TRUE(host.run_until([&] { return answer.has_value(); }));
    return answer ? *answer : Result<T>(fail(Code::internal, "no answer"));
  }
  Result<> start(const RunSpec& spec) {
    return wait<void>([&](Done<> done) { link->start(spec, std::move(done)); });
  }
  Result<RunState> attach(const grid::Run& run) {
    return wait<RunState>([&](Done<RunState> done) { link->attach(run, std::move(done)); });
  }
  Result<> cancel(const grid::Run& run, std::vector<std::uint32_t> elements = {}) {
    return wait<void>([&](Done<> done) { link->cancel(run, elements, std::move(done)); });
  }
  Result<LogChunk> log(const grid::Run& run, std::uint32_t element, Stream stream, std::uint64_t offset = 0,
                       std::uint64_t most = 1U << 20U) {
    return wait<LogChunk>(
        [&](Done<LogChunk> done) { link->read_log(run, element, stream, offset, most, std::move(done)); });
  }
  bool until(std::function<bool()> condition) { return host.run_until(std::move(condition)); }
  bool until_final() {
    return until([this] { return sink.finals > 0; });
  }
  // Runs it to its end.
  Ending ending(const RunSpec& spec) {
    const auto started = start(spec);
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    EXPECT_TRUE(until_final());
    EXPECT_EQ(sink.lost_because, "");
    return sink.endings[spec.elements.front().element];
  }
  fs::path folder(const grid::Run& run) const { return *rd::path_of(root, run, "m1"); }
  std::string out(const RunSpec& spec, std::uint32_t element = 0) const {
    return contents(folder(spec.run) / rd::log_name(element, Stream::out));
  }
  ProcessId shim(const grid::Run& run) const {
    const auto records = read_journal(folder(run));
    return std::get<rd::ShimRecord>(records->front()).process;
  }
  // Waits for a file that a task makes.
  bool until_exists(const fs::path& file) {
    return until([&] { return fs::exists(file); });
  }

  fs::path base, root;
  testkit::LoopHost host;
  Recorder sink;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Link> link;
};

}  // namespace grid::local::testing
