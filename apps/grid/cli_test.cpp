// The built program against a daemon of the test's own, which answers as docs/api.md says.
#include <algorithm>
#include <fstream>
#include <mutex>

#include <gtest/gtest.h>

#include "apps/grid/help.hpp"
#include "apps/grid/test_program.hpp"
#include "core/base/text.hpp"
#include "core/client/test_server.hpp"

namespace grid::cli {
namespace {

using Words = std::vector<std::string>;

struct Cli : testing::Test {
  TemporaryFolder folder;
  Words environment{"HOME=" + folder.path.string(), "GRID_STATE_DIR=" + folder.path.string(),
                    "PATH=/usr/bin:/bin", "TERM=xterm", "LANG=C.UTF-8"};
  std::mutex mutex;
  std::vector<Json> requests;  // {"target", "body"}
  std::unique_ptr<TestServer> server;

  Cli() { std::ofstream(folder.path / "profile.yaml") << "version: 1\n"; }
  ~Cli() override { server.reset(); }

  void serve(TestServer::Serve answer) {
    std::filesystem::create_directory(folder.path / "run");
    server = std::make_unique<TestServer>(
        folder.path / "run/grid.sock", [this, answer](const TestServer::Request& request, int connection) {
          {
            const std::lock_guard lock(mutex);
            requests.push_back({{"target", std::string(request.target())},
                                {"body", Json::parse(request.body(), nullptr, false)}});
          }
          answer(request, connection);
        });
  }
  // One whose execution 7 writes `out` and `err` and ends as `ending` says.
  void serve_execution(std::string out, std::string err, const Json& ending) {
    serve([out, err, ending](const TestServer::Request& request, int connection) {
      const std::string target(request.target());
      if (target.find("/logs?stream=stdout") != std::string::npos)
        return TestServer::answer(connection, 200, out);
      if (target.find("/logs?stream=stderr") != std::string::npos)
        return TestServer::answer(connection, 200, err);
      TestServer::answer(connection, request.method_string() == "POST" ? 201 : 200, ending.dump());
    });
  }
  [[nodiscard]] Json request(std::string_view start) {
    const std::lock_guard lock(mutex);
    for (const Json& each : requests)
      if (each["target"].get<std::string>().starts_with(start)) return each["body"];
    return nullptr;
  }
  // A profile of our own: where the program was built says nothing about where profiles are.
  [[nodiscard]] Words with_profile(Words words) const {
    words.insert(words.begin(), "--profile=" + (folder.path / "profile.yaml").string());
    return words;
  }
  [[nodiscard]] Outcome grid(const Words& words) const {
    return Program(with_profile(words), environment).finish();
  }

  static Json ended(const char* more) {
    Json json{{"schema", "grid/execution/1"}, {"id", "7"}, {"state", "failed"}, {"command", "sh"}};
    json.update(Json::parse(more));
    return json;
  }
};

TEST_F(Cli, version_and_help_need_nothing) {
  environment = {"GRID_STATE_DIR=/nonexistent/x", "HOME=/nonexistent"};
  EXPECT_EQ(grid({"--version"}).out.substr(0, 5), "grid ");
  for (const Words& words : {Words{}, Words{"-h"}, Words{"run", "-h"}, Words{"offload", "--help"},
                             Words{"help", "exit-codes"}, Words{"completion", "fish"}}) {
    const Outcome outcome = grid(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_FALSE(outcome.out.empty());
    EXPECT_EQ(outcome.err, "");
  }
}

TEST_F(Cli, every_line_of_help_fits) {
  for (const Command& command : commands()) {
    const std::string text = command_help(command, 80);
    for (std::size_t from = 0; from < text.size();) {
      const std::size_t end = text.find('\n', from);
      EXPECT_LE(end - from, 80U) << text.substr(from, end - from);
      from = end + 1;
    }
  }
}

TEST_F(Cli, exit_codes_of_our_own_failures) {
  EXPECT_EQ(grid({"ps", "--no-start"}).code, 6);
  EXPECT_EQ(grid({"daemon", "status"}).code, 6);
  EXPECT_EQ(grid({"pss"}).code, 2);
  EXPECT_EQ(grid({"ps", "--bogus"}).code, 2);
  EXPECT_EQ(grid({"help", "nonsense"}).code, 3);
  EXPECT_EQ(grid({"plugin", "info", "nonsense"}).code, 3);
  EXPECT_EQ(grid({"offload", "execute", "4194304"}).code, 3);
  EXPECT_EQ(grid({"run", "--bogus", "true"}).code, 125);
  EXPECT_EQ(grid({"run", "--no-start", "true"}).code, 125);
  EXPECT_EQ(grid({"run", "-d", "--no-start", "true"}).code, 6);
  EXPECT_EQ(grid({"run", "-d", "--no-start", "-e", "NOT_SET_HERE", "true"}).code, 2);
  EXPECT_EQ(grid({"run", "-d", "--no-start", "--stdin", "/nonexistent", "true"}).code, 3);
}

TEST_F(Cli, errors_go_to_stderr_and_with_json_to_stdout) {
  const Outcome text = grid({"ps", "--no-start"});
  EXPECT_EQ(text.out, "");
  EXPECT_EQ(text.err, "error: no daemon is running\nhint: start it: grid daemon start\n");
  const Outcome json = grid({"--json", "ps", "--no-start"});
  EXPECT_EQ(json.err, "");
  EXPECT_EQ(Json::parse(json.out)["error"]["code"], "DaemonUnavailable");
}

TEST_F(Cli, run_passes_bytes_through_and_exits_with_the_commands_code) {
  const std::string out("a\0\xff\x1b[31m\n", 9);
  serve_execution(out, "oops\n", ended(R"({"exit_code":7})"));
  const Outcome outcome = grid({"run", "--", "sh", "-c", "exit 7"});
  EXPECT_EQ(outcome.code, 7);
  EXPECT_EQ(outcome.out, out);
  EXPECT_EQ(outcome.err, "oops\n");
}

TEST_F(Cli, run_sends_exactly_what_was_asked) {
  environment.insert(environment.end(),
                     {"MY_TOKEN=hush", "GRID_TEST_ONLY=1", "LC_TIME=C", "NAMED_PASSWORD=yes"});
  serve_execution("", "", ended(R"({"state":"completed","exit_code":0})"));
  EXPECT_EQ(grid({"run", "-d",       "--cpus",   "0.5", "--memory",       "1G", "--on", "w1", "--label",
                  "gpu", "-e",       "A=b=c",    "-e",  "NAMED_PASSWORD", "-e", "A=d",  "--", "x",
                  "a b", "'\"$()\n", "\xff\xfe", ""})
                .out,
            "7\n");
  const Json body = request("/v1/executions");
  EXPECT_EQ(body["argv"], Json::parse(R"(["x","a b","'\"$()\n",{"b64":"//4="},""])"));
  EXPECT_EQ(body["cpus"], 0.5);
  EXPECT_EQ(body["memory_bytes"], 1U << 30U);
  EXPECT_EQ(body["on"], "w1");
  EXPECT_EQ(body["labels"], Json::parse(R"(["gpu"])"));
  EXPECT_EQ(body["array"], nullptr);
  EXPECT_EQ(body["cwd"], std::filesystem::current_path().string());
  const auto variables = body["environment"].get<Words>();
  const auto has = [&](const char* entry) {
    return std::find(variables.begin(), variables.end(), entry) != variables.end();
  };
  EXPECT_TRUE(has("A=d") && has("NAMED_PASSWORD=yes") && has("PATH=/usr/bin:/bin") && has("LC_TIME=C"));
  EXPECT_FALSE(has("MY_TOKEN=hush") || has("GRID_TEST_ONLY=1") || has("A=b=c"));
}

TEST_F(Cli, run_tells_a_signal_from_an_exit_code) {
  serve_execution("", "", ended(R"({"signal":9})"));
  const Outcome killed = grid({"run", "true"});
  EXPECT_EQ(killed.code, 137);
  EXPECT_EQ(killed.err, "ended by signal 9 (SIGKILL)\n");
}

TEST_F(Cli, run_with_json_prints_the_execution) {
  serve_execution("hidden", "hidden", ended(R"({"exit_code":3})"));
  const Outcome outcome = grid({"run", "--json", "true"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(Json::parse(outcome.out)["exit_code"], 3);
}

TEST_F(Cli, an_array_shows_its_counts) {
  serve_execution("", "", ended(R"({"array":3,"exit_code":4,"counts":{"completed":2,"failed":1}})"));
  const Outcome outcome = grid({"run", "--array", "3", "true"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_EQ(outcome.err, "7: 2 of 3 completed, 1 failed\n");
}

// Logs that never end, until the test says so.
struct CliRunning : Cli {
  void serve_running() {
    serve([](const TestServer::Request& request, int connection) {
      const std::string target(request.target());
      if (target.find("/logs") != std::string::npos) {
        TestServer::send(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nbegun\n\r\n");
        return TestServer::wait_for_leave(connection);
      }
      TestServer::answer(connection, 200, R"({"id":"7","state":"running"})");
    });
  }
};

TEST_F(CliRunning, the_first_interrupt_is_handed_on_and_the_second_leaves) {
  serve_running();
  Program program(with_profile({"run", "sleep", "100"}), environment);
  ASSERT_TRUE(program.wait_for("begun"));
  program.signal(SIGINT);
  ASSERT_TRUE(program.wait_for("SIGINT sent to 7"));
  EXPECT_EQ(request("/v1/executions/7/signal"), Json::parse(R"({"signal":2})"));
  program.signal(SIGINT);
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.code, 130);
  EXPECT_NE(outcome.err.find("7 goes on"), std::string::npos);
  EXPECT_NE(outcome.err.find("grid cancel 7"), std::string::npos);
}

TEST_F(CliRunning, a_reader_who_leaves_ends_the_command_as_in_any_pipe) {
  serve_running();
  Program program(with_profile({"run", "yes"}), environment);
  program.stop_reading();
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.code, 128 + SIGPIPE);
  EXPECT_EQ(request("/v1/executions/7/signal"), Json::parse(R"({"signal":13})"));
}

TEST_F(Cli, following_goes_on_where_a_lost_daemon_left_off) {
  serve([](const TestServer::Request& request, int connection) {
    const std::string target(request.target());
    if (target.find("stream=stdout&offset=0&") != std::string::npos)
      return (void)TestServer::send(
          connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");  // and dies
    if (target.find("stream=stdout&offset=3&") != std::string::npos)
      return TestServer::answer(connection, 200, "def\n");
    TestServer::answer(
        connection, 200,
        target.find("/logs") != std::string::npos ? "" : R"({"id":"7","state":"completed","exit_code":0})");
  });
  const Outcome outcome = grid({"run", "true"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "abcdef\n");
}

TEST_F(Cli, logs_are_bytes_for_a_pipe_and_safe_on_a_terminal) {
  serve_execution("\x1b[2Jx\n", "", ended("{}"));
  EXPECT_EQ(grid({"logs", "7"}).out, "\x1b[2Jx\n");
  EXPECT_EQ(grid({"logs", "7", "--stream", "stderr"}).out, "");
  EXPECT_EQ(Program({"logs", "7"}, environment, true).finish().out, "\\x1b[2Jx\r\n");
}

TEST_F(Cli, wait_exits_with_the_code_or_124) {
  serve([](const TestServer::Request& request, int connection) {
    if (request.target().find("/8") != std::string::npos)
      return TestServer::answer(connection, 200, R"({"id":"8","state":"failed","exit_code":9})");
    TestServer::answer(connection, 504,
                       R"({"error":{"code":"TimedOut","message":"","hint":"","details":{}}})");
  });
  EXPECT_EQ(grid({"wait", "8"}).code, 9);
  const Outcome late = grid({"wait", "7", "--timeout", "50ms"});
  EXPECT_EQ(late.code, 124);
  EXPECT_EQ(late.err, "error: 7 has not ended after 0.05 s\nhint: see: grid why 7\n");
}

struct CliAsks : Cli {
  void serve_list() {
    serve([](const TestServer::Request& request, int connection) {
      const std::string target(request.target());
      if (target.starts_with("/v1/executions?"))
        return TestServer::answer(
            connection, 200,
            R"({"executions":[{"id":"9","state":"running","command":"make \u001b[2J"},{"id":"8","state":"failed","command":"ls"}]})");
      if (target.find("/logs?stream=stdout") != std::string::npos)
        return TestServer::answer(connection, 200, "of " + target.substr(15, 1) + "\n");
      TestServer::answer(connection, 200,
                         target.find("/logs") != std::string::npos ? "" : R"({"id":"9","state":"running"})");
    });
  }
};

TEST_F(CliAsks, a_missing_id_is_a_usage_error_without_a_terminal) {
  serve_list();
  const Outcome outcome = grid({"logs"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(
      outcome.err,
      "error: ID is missing\nhint: see: grid ps\nusage: grid logs [OPTIONS] [ID]\nMore: grid logs -h\n");
}

TEST_F(CliAsks, a_missing_id_is_asked_for_on_a_terminal) {
  serve_list();
  for (const char* answer : {"2\n", "8\n", "nonsense\n2\n"}) {
    Program program({"logs"}, environment, true);
    ASSERT_TRUE(program.wait_for("ID (1-2): "));
    program.type(answer);
    const Outcome outcome = program.finish();
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.out.find("1) 9"), std::string::npos);
    EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
    EXPECT_NE(outcome.out.find("of 8"), std::string::npos);
  }
}

TEST_F(CliAsks, only_what_can_be_cancelled_is_offered) {
  serve_list();
  Program program({"cancel"}, environment, true);
  ASSERT_TRUE(program.wait_for("ID (1-1): "));
  program.type("\x04");  // Ctrl-D
  EXPECT_EQ(program.finish().code, 2);
  EXPECT_EQ(request("/v1/executions/9/cancel"), nullptr);
}

struct CliMoves : Cli {
  const std::string pid = std::to_string(::getpid());
  void serve_move(const char* grade) {
    serve([grade, this](const TestServer::Request& request, int connection) {
      if (request.target() != "/v1/offload")
        return TestServer::answer(
            connection, 200,
            ended(R"({"state":"completed","exit_code":0,"kind":"move","move":{"phase":"done"}})").dump());
      const bool dry = Json::parse(request.body())["dry_run"];
      const Json plan{{"schema", "grid/plan/1"}, {"pid", ::getpid()},
                      {"command", "hog"},        {"to", "w1"},
                      {"restartable", grade},    {"reasons", {"cpu_time: 61 s of CPU time"}}};
      TestServer::answer(connection, dry ? 200 : 202, dry ? plan.dump() : R"({"id":"7","state":"queued"})");
    });
  }
  [[nodiscard]] bool moved() {
    const std::lock_guard lock(mutex);
    for (const Json& each : requests)
      if (each["target"] == "/v1/offload" && !each["body"]["dry_run"]) return each["body"]["accept_loss"];
    return false;
  }
};

TEST_F(CliMoves, a_loss_needs_a_yes) {
  serve_move("with_loss");
  const Outcome refused = grid({"offload", "execute", pid});
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.err.find("cpu_time: 61 s of CPU time\nhint: accept it: --yes"), std::string::npos)
      << refused.err;
  {
    Program program({"offload", "execute", pid}, environment, true);
    ASSERT_TRUE(program.wait_for("move it to w1? [y/N] "));
    program.type("n\n");
    EXPECT_EQ(program.finish().code, 4);
  }
  EXPECT_FALSE(moved());
  Program program({"offload", "execute", pid, "--no-color"}, environment, true);
  ASSERT_TRUE(program.wait_for("move it to w1? [y/N] "));
  program.type("y\n");
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_TRUE(moved());
}

TEST_F(CliMoves, yes_asks_nothing) {
  serve_move("with_loss");
  EXPECT_EQ(grid({"offload", "execute", pid, "--yes", "-d"}).out, "7\n");
  EXPECT_TRUE(moved());
}

TEST_F(Cli, watch_leaves_a_clean_terminal) {
  serve([](const TestServer::Request&, int connection) {
    const std::string line = R"({"schema":"grid/snapshot/1","head":"desk","nodes":[],"executions":{}})"
                             "\n";
    TestServer::send(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", line.size());
    TestServer::send(connection, size + line + "\r\n");
    TestServer::wait_for_leave(connection);
  });
  for (const bool key : {true, false}) {
    Program program({"watch"}, environment, true);
    ASSERT_TRUE(program.wait_for("\x1b[J"));
    if (key)
      program.type("q");
    else
      program.signal(SIGINT);
    const Outcome outcome = program.finish();
    EXPECT_EQ(outcome.code, 0);
    EXPECT_TRUE(outcome.out.ends_with("\x1b[?25h\x1b[?1049l")) << outcome.out;
  }
}

TEST_F(Cli, a_closed_pipe_is_quiet) {
  Program program({"help"}, environment);
  program.stop_reading();
  EXPECT_EQ(program.finish().err, "");
}

TEST_F(Cli, completion_scripts_are_sound_and_complete) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto file = folder.path / shell;
    std::ofstream(file) << grid({"completion", shell}).out;
    const std::string there = "command -v " + std::string(shell) + " >/dev/null 2>&1";
    if (std::system(there.c_str()) != 0) continue;
    EXPECT_EQ(std::system((std::string(shell) + " -n " + file.string()).c_str()), 0) << shell;
  }
  const std::string ask = "PATH=" GRID_BUILD_DIR "/bin:$PATH bash -c 'source " +
                          (folder.path / "bash").string() +
                          "; COMP_WORDS=(grid offload execute --original = s); COMP_CWORD=5; _grid; echo "
                          "\"${COMPREPLY[*]}\"' > " +
                          (folder.path / "answer").string();
  ASSERT_EQ(std::system(ask.c_str()), 0);
  std::string answer;
  std::getline(std::ifstream(folder.path / "answer"), answer);
  EXPECT_EQ(answer, "stop");
}

}  // namespace
}  // namespace grid::cli
