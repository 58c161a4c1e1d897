// What a task meets, and what is said about its end.
#include <cerrno>
#include <random>
#include <set>

#include "testing.hpp"

namespace grid::conformance {
namespace {

class World : public ShimTest {};
INSTANTIATE_TEST_SUITE_P(Shims, World, ::testing::ValuesIn(shims()), name_of);

TEST_P(World, ArgumentsArriveExactly) {
  spec.argv = {"printf", "%s\\0"};
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  std::vector<std::string> arguments{
      "a b",      "'\"", "line\nline",           "$(exit 3)", "`x`", "%41", "", "*", "-n", "\\0101\\c",
      "ends\n\n", all,   std::string(5000, ' '), "\xff\n"};
  std::mt19937 random(20260801);
  for (int i = 0; i < 100; ++i) {
    std::string any(random() % 40, ' ');
    for (auto& c : any) c = static_cast<char>(random() % 255 + 1);
    arguments.push_back(any);
  }
  std::string expected;
  for (const auto& argument : arguments) {
    spec.argv.push_back(argument);
    expected += argument + '\0';
  }
  run();
  EXPECT_EQ(ending().code, 0);
  EXPECT_TRUE(out() == expected);
}

std::set<std::string> split(const std::string& text) {
  std::set<std::string> parts;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\0', at);
    parts.insert(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

TEST_P(World, TheEnvironmentIsExactlyTheSpecs) {
  spec.argv = {"cat", "/proc/self/environ"};
  spec.environment = {"PATH=/usr/bin:/bin", "A=a b\nc\\\t", "GRID_COOKIE=forged", "B=", "HOME=stated"};
  spec.inherit = {"HOME", "USER", "NOT_THERE", "LANG"};
  environment.insert(environment.end(), {"USER=me you", "LANG=C.UTF-8"});
  run();
  EXPECT_EQ(split(out()), (std::set<std::string>{"PATH=/usr/bin:/bin", "A=a b\nc\\\t", "B=", "HOME=stated",
                                                 "USER=me you", "LANG=C.UTF-8", "GRID_COOKIE=" + spec.cookie,
                                                 "GRID_EXECUTION=e1", "GRID_ATTEMPT=1"}));
}

TEST_P(World, OddNamesInTheEnvironmentWork) {
  spec.argv = {"cat", "/proc/self/environ"};
  spec.environment = {"a-b=1", "IFS=:",    "PWD=/nowhere",       "_=x",    "g_dir=/", "BASH_ENV=/etc/passwd",
                      "1=2",   "OPTIND=x", "PATH=/usr/bin:/bin", "%n=\xff"};
  run();
  auto expected = std::set<std::string>(spec.environment.begin(), spec.environment.end());
  expected.insert({"GRID_COOKIE=" + spec.cookie, "GRID_EXECUTION=e1", "GRID_ATTEMPT=1"});
  EXPECT_EQ(split(out()), expected);
}

TEST_P(World, AProgramIsFoundInTheTasksPath) {
  fs::create_directory(base / "my bin");
  std::ofstream(base / "my bin" / "tool=x") << "#!/bin/sh\necho found\n";
  fs::permissions(base / "my bin" / "tool=x", fs::perms::owner_all);
  spec.environment = {"PATH=/nowhere:" + (base / "my bin").string()};
  spec.argv = {"tool=x"};
  run();
  EXPECT_EQ(out(), "found\n");
}

TEST_P(World, FolderUmaskStdinAndSession) {
  fs::create_directory(base / "in here");
  std::ofstream(base / "in") << "stdin\n";
  spec.cwd = base / "in here";
  spec.umask = 027;
  spec.stdin_path = base / "in";
  spec.elements = {{0, 4}};
  script(
      "/bin/pwd; umask; cat; echo $GRID_ATTEMPT; set -- $(cat /proc/$$/stat); echo $1 $5; "
      "ls /proc/self/fd | wc -l; sed -n s/^SigIgn:.//p /proc/$$/status");
  run();
  const std::string pid = std::to_string(starts().at(0).pid);
  const std::string expected = spec.cwd + "\n0027\nstdin\n4\n" + pid + ' ' + pid + "\n4\n";
  EXPECT_EQ(out().substr(0, expected.size()), expected);
  // The C library's own two signals may be ignored; a busybox without bash cannot undo INT and QUIT.
  if (GetParam().tools != Shim::Tools::busybox) {
    EXPECT_EQ(out().substr(out().size() - 8), "0000000\n");
  }
}

TEST_P(World, WithoutAFolderItIsTheWorkFolder) {
  script("/bin/pwd; cat");
  run();
  EXPECT_EQ(out(), (folder / rd::work_folder).string() + "\n");
  EXPECT_FALSE(fs::exists(folder / rd::log_name(0, Stream::err))) << "nothing was written";
}

TEST_P(World, LargeOutputIsComplete) {
  script("head -c 3000000 /dev/zero >&2; echo done");
  run();
  EXPECT_EQ(ending().stderr_bytes, 3000000U);
  EXPECT_EQ(err().size(), 3000000U);
  EXPECT_EQ(ending().stdout_bytes, 5U);
  EXPECT_EQ(out(), "done\n");
}

TEST_P(World, EveryExitCodeIsTold) {
  array(256, 2, "exit ${GRID_EXECUTION##*.}");
  run();
  const auto all = endings();
  ASSERT_EQ(all.size(), 256U);
  for (const auto& [element, ending] : all) EXPECT_EQ(ending.code, static_cast<int>(element));
}

TEST_P(World, SignalsAreToldFromCodes) {
  array(24, 2,
        "n=${GRID_EXECUTION##*.}; s=$((n % 12 + 1)); case $s in 3|4|5|6|7|8|11) ulimit -c 0;; esac; "
        "[ $n -lt 12 ] && exit $((128 + s)); kill -$s $$; sleep 10");
  run();
  for (const auto& [element, ending] : endings()) {
    const int signal = static_cast<int>(element) % 12 + 1;
    if (element < 12) {
      EXPECT_EQ(ending.code, 128 + signal);
    } else if (GetParam().tools != Shim::Tools::busybox || (signal != SIGINT && signal != SIGQUIT)) {
      EXPECT_EQ(ending.signal, signal) << element;
    }
  }
}

TEST_P(World, StartErrorsAreErrnosAndNoExitCodes) {
  std::ofstream(base / "bad") << "#!/no/such/interpreter\n";
  fs::permissions(base / "bad", fs::perms::owner_all);
  const auto error = [&](const std::string& program, const std::string& cwd, const std::string& in) {
    spec.argv = {program};
    spec.cwd = cwd;
    spec.stdin_path = in;
    fs::remove(folder / rd::journal_file);
    fs::remove(folder / rd::gate);
    run();
    EXPECT_FALSE(ending().code) << program;
    EXPECT_EQ(err(), "") << "a shell's word";
    return ending().error;
  };
  EXPECT_EQ(error("no-such-program", "", ""), ENOENT);
  EXPECT_EQ(error("/no/such", "", ""), ENOENT);
  EXPECT_EQ(error("/etc/passwd", "", ""), EACCES);
  EXPECT_EQ(error(base / "bad", "", ""), ENOENT);
  EXPECT_EQ(error("true", "/no/such", ""), ENOENT);
  EXPECT_EQ(error("true", "/etc/passwd", ""), ENOTDIR);
  EXPECT_EQ(error("true", "", "/no/such"), ENOENT);
}

TEST_P(World, UsageIsToldOrMissing) {
  script("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done");
  run();
  EXPECT_EQ(ending().user_cpu_seconds.has_value(), GetParam().usage);
  EXPECT_EQ(ending().max_rss_bytes.has_value(), GetParam().usage);
  if (GetParam().usage) {
    EXPECT_GT(*ending().user_cpu_seconds, 0.0);
  }
}

TEST_P(World, ABatchKeepsOutputsByElement) {
  array(60, 3,
        "n=${GRID_EXECUTION##*.}; [ $((n % 3)) = 0 ] || echo $n; [ $((n % 5)) = 0 ] && echo e$n >&2; exit "
        "$((n % 7))");
  spec.elements.erase(spec.elements.begin() + 20, spec.elements.begin() + 23);
  spec.elements.push_back({100, 2});
  run();
  const auto all = endings();
  ASSERT_EQ(all.size(), 58U);
  EXPECT_EQ(starts().size(), 58U);
  for (const auto& [n, ending] : all) {
    EXPECT_EQ(ending.code, static_cast<int>(n % 7));
    EXPECT_EQ(out(n), n % 3 == 0 ? "" : std::to_string(n) + "\n");
    EXPECT_EQ(err(n), n % 5 == 0 ? "e" + std::to_string(n) + "\n" : "");
    EXPECT_EQ(ending.stdout_bytes, out(n).size());
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".out" || !GetParam().has_end) continue;
    EXPECT_GT(entry.file_size(), 0U) << "absent means empty";
  }
}

TEST_P(World, SlotsOverlapAndAreDealtAsTheyComeFree) {
  // 0 holds its slot until 1 to 5 went through the other one; 0 and 1 need each other.
  array(6, 2,
        "cd " + base.string() +
            "; n=${GRID_EXECUTION##*.}; touch at$n; [ $n != 0 ] || while [ ! -e at5 ]; do sleep 0.01; done");
  run();
  EXPECT_EQ(endings().size(), 6U);
}

}  // namespace
}  // namespace grid::conformance
