// What a task meets, and what is said about its end.
#include <rapidcheck.h>

#include <algorithm>

#include "testing.hpp"

namespace grid::local::testing {
namespace {

class RunTest : public LocalTest {};

TEST_F(RunTest, ExitCodeAndSignalAreToldApart) {
  EXPECT_EQ(ending(shell("exit 7")).code, 7);
  reopen();
  auto spec = shell("exit 137");
  spec.run.name = "e1.2";
  const Ending code = ending(spec);
  EXPECT_EQ(code.code, 137);
  EXPECT_FALSE(code.signal);
  reopen();
  spec = shell("kill -9 $$");
  spec.run.name = "e1.3";
  const Ending signal = ending(spec);
  EXPECT_EQ(signal.signal, SIGKILL);
  EXPECT_FALSE(signal.code);
}

TEST_F(RunTest, StartErrorsAreErrnosAndNoExitCodes) {
  const Ending missing = ending(task({"no-such-program-here"}));
  EXPECT_EQ(missing.error, ENOENT);
  EXPECT_FALSE(missing.code);
  reopen();
  EXPECT_EQ(ending(task({"/etc/passwd"}, "e1.2")).error, EACCES);
  reopen();
  auto nowhere = task({"true"}, "e1.3");
  nowhere.task.cwd = "/no/such/folder";
  EXPECT_EQ(ending(nowhere).error, ENOENT);
}

TEST_F(RunTest, ArgumentsArriveExactly) {
  int n = 0;
  const auto arrive = [&](const std::vector<std::string>& arguments) {
    auto spec = task({"printf", "%s\\0", "first"}, "e" + std::to_string(++n) + ".1");
    std::string expected("first\0", 6);
    for (const auto& argument : arguments) {
      spec.task.argv.push_back(argument);
      expected += argument + '\0';
    }
    reopen();
    EXPECT_EQ(ending(spec).code, 0);
    return out(spec) == expected;
  };
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_TRUE(arrive({"a b", "'\"", "line\nline", "$(exit 3)", "`x`", "%41", "", "*", "-n", all}));
  std::vector<std::string>
      anything;  // of a hundred cases; a task for each would take most of the time of all tests
  rc::check([&](std::string any) {
    any.erase(std::remove(any.begin(), any.end(), '\0'), any.end());
    anything.push_back(std::move(any));
  });
  EXPECT_TRUE(arrive(anything));
}

TEST_F(RunTest, TheTaskMeetsADefinedWorld) {
  // posix_spawn leaves the C library's own two signals (32, 33) ignored: they are masked out below.
  auto spec = shell(
      "echo $GRID_EXECUTION $GRID_ATTEMPT ${#GRID_COOKIE} $X; pwd; umask; cat; ulimit -n >/dev/null; "
      "ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status | sed s/180000000$/000000000/; ps "
      "-o sid= -p $$ | tr -d ' '; "
      "echo $$");
  spec.elements = {{0, 4}};
  spec.task.environment.insert(spec.task.environment.end(), {"X=1", "GRID_ATTEMPT=99"});
  spec.task.umask = 027;
  std::ofstream(base / "in") << "stdin\n";
  spec.task.stdin_path = base / "in";
  spec.task.cwd = base;
  ASSERT_EQ(ending(spec).code, 0);
  const std::string pid = std::to_string(sink.starts.at(0).pid);
  EXPECT_EQ(out(spec), "e1 4 32 1\n" + base.string() +
                           "\n0027\nstdin\n4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n" + pid +
                           "\n" + pid + "\n");
}

TEST_F(RunTest, InheritedVariablesAreTheMachines) {
  ::setenv("GRID_TEST_HERE", "a b\n", 1);
  auto spec = task({"env", "-0"});
  spec.task.environment = {"PATH=/usr/bin:/bin", "STATED=1"};
  spec.task.inherit = {"GRID_TEST_HERE", "PATH", "GRID_TEST_NOT_THERE", "STATED"};
  ASSERT_EQ(ending(spec).code, 0);
  const std::string all = out(spec);
  EXPECT_EQ(all.substr(0, all.find("GRID_COOKIE=")),
            std::string("PATH=/usr/bin:/bin\0STATED=1\0GRID_TEST_HERE=a b\n\0", 48));
}

TEST_F(RunTest, UsageAndSizesAreReported) {
  const Ending end =
      ending(shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; printf 12345; printf 123 >&2"));
  EXPECT_GT(end.user_cpu_seconds.value() + end.system_cpu_seconds.value(), 0.0);
  EXPECT_GT(end.max_rss_bytes, 100'000U);
  EXPECT_EQ(end.stdout_bytes, 5U);
  EXPECT_EQ(end.stderr_bytes, 3U);
  EXPECT_EQ(end.leftovers, 0U);
}

TEST_F(RunTest, ABatchKeepsOutputsByElement) {
  auto spec = array(200, 2,
                    "n=${GRID_EXECUTION##*.}; [ $((n % 3)) = 0 ] || echo $n; [ $((n % 5)) = 0 ] && echo e$n "
                    ">&2; exit $((n % 7))");
  spec.elements.erase(spec.elements.begin() + 50);  // a gap in the numbers
  ending(spec);
  ASSERT_EQ(sink.endings.size(), 199U);
  for (const auto& [n, end] : sink.endings) {
    const std::string number = std::to_string(n);
    EXPECT_EQ(end.code, static_cast<int>(n % 7));
    EXPECT_EQ(out(spec, n), n % 3 == 0 ? "" : number + "\n");
    EXPECT_EQ(contents(folder(spec.run) / rd::log_name(n, Stream::err)),
              n % 5 == 0 ? "e" + number + "\n" : "");
    EXPECT_EQ(end.stdout_bytes, out(spec, n).size());
  }
}

TEST_F(RunTest, TwoSlotsOverlap) {
  // Each waits for the other: one at a time would never end.
  auto spec = array(2, 2, "n=${GRID_EXECUTION##*.}; touch $n; while [ ! -e $((1-n)) ]; do sleep 0.01; done");
  spec.task.cwd = base;
  EXPECT_EQ(ending(spec).code, 0);
}

TEST_F(RunTest, LeftoversAreEndedAndCounted) {
  const Ending end =
      ending(shell("sleep 1000 & setsid sleep 1000 & (setsid env -i sleep 1000 &) ; "
                   "while [ $(pgrep -c -f '^sleep 1000$' -s 0) -lt 1 ]; do :; done; sleep 0.1; exit 3"));
  EXPECT_EQ(end.code, 3);
  EXPECT_EQ(end.leftovers, 3U);
  const std::string entry =
      "GRID_COOKIE=" + rd::decode_spec(contents(folder({"head", "e1.1"}) / "spec"))->cookie;
  for (const auto& process : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(process.path().filename().c_str());
    EXPECT_FALSE(pid > 0 && rd::environment_holds(rd::process_environment(pid), entry));
  }
}

TEST_F(RunTest, AnotherElementsDaemonIsLeftAlone) {
  // Element 0 starts an orphan and needs it after element 1 has ended.
  auto spec = array(2, 2,
                    "case ${GRID_EXECUTION##*.} in 0) (setsid sleep 1000 & echo $! >daemon); while [ ! -e "
                    "other ]; do sleep "
                    "0.01; done; sleep 0.1; kill -0 $(cat daemon);; 1) while [ ! -s daemon ]; do sleep 0.01; "
                    "done; touch other;; esac");
  spec.task.cwd = base;
  ending(spec);
  EXPECT_EQ(sink.endings.at(0).code, 0);
  EXPECT_EQ(sink.endings.at(0).leftovers, 1U);
  EXPECT_EQ(sink.endings.at(1).leftovers, 0U);
}

TEST_F(RunTest, LargeOutputIsReadByOffset) {
  const auto spec = shell("head -c 6291456 /dev/urandom | tee copy >&2; echo done");
  auto here = spec;
  here.task.cwd = base;
  ASSERT_EQ(ending(here).stderr_bytes, 6291456U);
  std::string all;
  for (bool final = false; !final;) {
    const auto chunk = log(here.run, 0, Stream::err, all.size(), 1'000'000);
    ASSERT_TRUE(chunk);
    EXPECT_EQ(chunk->size, 6291456U);
    all += chunk->bytes;
    final = chunk->bytes.empty();
    EXPECT_TRUE(chunk->final);
  }
  EXPECT_EQ(std::hash<std::string>{}(all), std::hash<std::string>{}(contents(base / "copy")));
  EXPECT_TRUE(all == contents(base / "copy"));
}

TEST_F(RunTest, LogsCanBeReadWhileItRuns) {
  auto spec = shell("echo one; while [ ! -e go ]; do sleep 0.01; done; echo two");
  spec.task.cwd = base;
  EXPECT_EQ(log(spec.run, 0, Stream::out).error().code, Code::not_found);
  ASSERT_TRUE(start(spec));
  ASSERT_TRUE(until([&] { return log(spec.run, 0, Stream::out)->bytes == "one\n"; }));
  EXPECT_FALSE(log(spec.run, 0, Stream::out)->final);
  std::ofstream(base / "go").put('x');
  ASSERT_TRUE(until_final());
  const auto rest = log(spec.run, 0, Stream::out, 4);
  EXPECT_EQ(rest->bytes, "two\n");
  EXPECT_TRUE(rest->final);
  const auto silent = log(spec.run, 0, Stream::err);
  EXPECT_EQ(silent->size, 0U);
  EXPECT_TRUE(silent->final);
}

}  // namespace
}  // namespace grid::local::testing
