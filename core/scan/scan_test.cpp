// Against real processes, started here.
#include "core/scan/scan.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>

#include "core/scan/process_table.hpp"
#include "core/scan/testing.hpp"

namespace grid {
namespace {

using testing::Child;
using testing::eventually;
using testing::TempFolder;

constexpr const char* spin = "while :; do :; done";

ScanOptions at_once() {
  ScanOptions options;
  options.interval_seconds = 0;
  return options;
}

// The child has become `sleep`: what was between fork and exec is over.
Result<Candidate> examine_sleep(pid_t pid) {
  Result<Candidate> found = fail(Code::internal, "never became sleep");
  eventually([&] {
    found = examine(pid, at_once());
    return found && !found->argv.empty() && found->argv[0] == "sleep";
  });
  return found;
}

std::string codes(const Candidate& candidate) {
  std::string text(to_string(candidate.restartable));
  for (const auto& reason : candidate.reasons) text += ' ' + reason.code;
  return text;
}

TEST(ScanOnce, FindsAHogWithItsTree) {
  Child hog({"sh", "-c", std::string("sleep 1000 & ") + spin});
  ScanOptions options;
  options.interval_seconds = 0.3;
  Candidate found;
  ASSERT_TRUE(eventually([&] {
    const auto scan = scan_once(options);
    if (!scan) return false;
    for (const auto& candidate : scan->candidates) {
      if (candidate.root.pid == hog.pid()) found = candidate;
    }
    return found.members.size() == 2;
  }));
  EXPECT_GT(found.cpu_fraction.value_or(0), 0.05);
  EXPECT_EQ(found.argv.at(0), "sh");
  EXPECT_EQ(found.command.substr(0, 6), "sh -c ");
  EXPECT_EQ(found.uid, ::getuid());
  EXPECT_FALSE(found.user.empty());
  EXPECT_FALSE(found.cwd.empty());
  EXPECT_GT(found.rss_bytes.value_or(0), 0U);
  EXPECT_LT(found.age_seconds.value_or(1e9), 60);
  EXPECT_EQ(codes(found), "yes free_loss");
}

TEST(ScanOnce, AForkedWorkerIsItsParentAndAStartedChildIsItself) {
  Child forks({"sh", "-c", std::string("( ") + spin + " ) & wait"});
  Child starts({"sh", "-c", std::string("sh -c '") + spin + "'; true"});
  ScanOptions options;
  options.interval_seconds = 0.3;
  ASSERT_TRUE(eventually([&] {
    const auto scan = scan_once(options);
    bool climbed = false;
    bool child = false;
    for (const auto& candidate : scan->candidates) {
      if (candidate.root.pid == forks.pid()) climbed = candidate.members.size() == 2;
      if (candidate.root.pid == starts.pid()) return false;
      child = child || candidate.command == std::string("sh -c ") + spin;
    }
    return climbed && child;
  }));
}

TEST(HeadScanner, MeasuresFromTurnToTurnAndForgets) {
  auto hog = std::make_unique<Child>(std::vector<std::string>{"sh", "-c", spin});
  HeadScanner scanner({});
  const auto sees = [&] {
    const auto scan = scanner.turn();
    return scan && std::any_of(scan->candidates.begin(), scan->candidates.end(),
                               [&](const Candidate& c) { return c.root.pid == hog->pid(); });
  };
  const auto first = scanner.turn();
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->interval_seconds);
  EXPECT_FALSE(first->cpu_fraction);
  EXPECT_GT(first->processes, 1U);
  ASSERT_TRUE(eventually(sees));
  EXPECT_TRUE(sees() || eventually(sees)) << "with remembered facts";
  const auto pid = hog->pid();
  hog->end();
  const auto after = scanner.turn();
  ASSERT_TRUE(after);
  for (const auto& candidate : after->candidates) EXPECT_NE(candidate.root.pid, pid);
}

TEST(Examine, AnIdleProcessMayGo) {
  Child child({"sleep", "1000"});
  const auto found = examine_sleep(child.pid());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(codes(*found), "yes free_loss");
  auto strict = at_once();
  strict.free_loss_seconds = 0;
  EXPECT_EQ(codes(*examine(child.pid(), strict)), "with_loss cpu_time");
}

TEST(Examine, NobodyThere) {
  Child child({"sleep", "1000"});
  const auto pid = child.pid();
  child.end();
  const auto found = examine(pid, at_once());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::process_not_found);
  EXPECT_EQ(read_launch(pid, {}).error().code, Code::process_not_found);
}

TEST(Examine, OursAndInit) {
  EXPECT_EQ(examine(::getpid(), at_once())->reasons.at(0).code, "grid_itself");
  EXPECT_EQ(examine(::getppid(), at_once())->reasons.at(0).code, ::getppid() == 1 ? "init" : "our_session");
  EXPECT_EQ(examine(1, at_once())->reasons.at(0).code, "init");
  EXPECT_EQ(examine(1, at_once())->restartable, Restartable::no);
}

TEST(Examine, KernelThread) {
  ProcessTable table({}, 0);
  ASSERT_TRUE(table.pass(boot_clock()));
  const auto rows = table.rows();
  const auto thread =
      std::find_if(rows.begin(), rows.end(), [](const ProcessRow& row) { return row.kernel_thread(); });
  if (thread == rows.end()) GTEST_SKIP() << "no kernel threads to be seen in here";
  EXPECT_EQ(codes(*examine(thread->pid, at_once())), "no kernel_thread");
}

TEST(Examine, RedirectedOutputAndOpenFiles) {
  const TempFolder folder;
  folder.write("in", "data");
  const Fd in(::open((folder.path() / "in").c_str(), O_RDONLY | O_CLOEXEC));
  const Fd out(::open((folder.path() / "out").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const Fd data(::open((folder.path() / "data").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  Child child({"sleep", "1000"}, {.descriptors = {{0, in.get()}, {1, out.get()}, {5, data.get()}}});
  EXPECT_EQ(codes(*examine_sleep(child.pid())), "with_loss redirected_output open_file");
}

TEST(Examine, PipeToAStranger) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reading(ends[0]);
  const Fd writing(ends[1]);
  Child child({"sleep", "1000"}, {.descriptors = {{1, writing.get()}}});
  EXPECT_EQ(codes(*examine_sleep(child.pid())), "no pipe");
}

TEST(Examine, APipeThatAShellHandedOn) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reading(ends[0]);
  const Fd writing(ends[1]);
  // The shell was started with it and stays; the program below it never heard of it.
  Child shell({"sh", "-c", "sleep 1000; true"}, {.descriptors = {{9, writing.get()}}});
  ASSERT_TRUE(eventually([&] {
    const auto found = examine(shell.pid(), at_once());
    if (!found || found->members.size() != 2) return false;
    const auto inner = examine(found->members.back().pid, at_once());
    return inner && codes(*inner) == "yes free_loss";
  }));
}

TEST(Examine, PipeInsideTheTree) {
  Child child({"sh", "-c", "sleep 1000 | sleep 1000; true"});
  ASSERT_TRUE(eventually([&] {
    const auto found = examine(child.pid(), at_once());
    return found && found->members.size() == 3 && codes(*found) == "yes free_loss";
  }));
}

TEST(Examine, Sockets) {
  const Fd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(tcp.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(tcp.get(), 1), 0);
  Child listener({"sleep", "1000"}, {.descriptors = {{3, tcp.get()}}});
  EXPECT_EQ(codes(*examine_sleep(listener.pid())), "no listening_socket");

  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  Fd ours(pair[0]);
  Fd theirs(pair[1]);
  Child connected({"sleep", "1000"}, {.descriptors = {{3, theirs.get()}}});
  EXPECT_EQ(codes(*examine_sleep(connected.pid())), "no connected_socket");
  Child both({"sleep", "1000"}, {.descriptors = {{3, theirs.get()}, {4, ours.get()}}});
  EXPECT_EQ(codes(*examine_sleep(both.pid())), "no connected_socket") << "we hold them too";
  connected.end();
  ours.reset();
  theirs.reset();
  EXPECT_EQ(codes(*examine_sleep(both.pid())), "yes free_loss") << "its own affair";
}

TEST(Examine, DeletedProgram) {
  const TempFolder folder;
  const auto program = folder.path() / "sleep";
  std::filesystem::copy_file("/bin/sleep", program);
  Child child({program.string(), "1000"});
  ASSERT_TRUE(eventually([&] { return codes(*examine(child.pid(), at_once())) == "yes free_loss"; }));
  std::filesystem::remove(program);
  EXPECT_EQ(codes(*examine(child.pid(), at_once())), "no deleted_program");
}

TEST(Examine, ZombieAndTraced) {
  Child zombie({"true"});
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(zombie.pid()), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(codes(*examine(zombie.pid(), at_once())), "no zombie");

  Child traced({"sleep", "1000"});
  ASSERT_TRUE(examine_sleep(traced.pid()));
  if (::ptrace(PTRACE_SEIZE, traced.pid(), nullptr, nullptr) != 0) GTEST_SKIP() << "may not trace here";
  EXPECT_EQ(codes(*examine(traced.pid(), at_once())), "no traced");
}

TEST(Examine, RunsUnderAGridOrABatchSystem) {
  Child ours({"sleep", "1000"}, {.environment = {"PATH=/usr/bin:/bin", "GRID_EXECUTION=7"}});
  EXPECT_EQ(codes(*examine_sleep(ours.pid())), "no grid_itself");
  Child batch({"sleep", "1000"}, {.environment = {"PATH=/usr/bin:/bin", "SLURM_JOB_ID=9"}});
  EXPECT_EQ(codes(*examine_sleep(batch.pid())), "no batch_system");
}

TEST(Examine, AnotherUserOrAnotherNamespaceAsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  Child other({"sleep", "1000"}, [] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
  });
  EXPECT_EQ(examine_sleep(other.pid())->reasons.at(0).code, "other_user");
  Child apart({"sleep", "1000"}, [] {
    if (::unshare(CLONE_NEWUTS) != 0) ::_exit(1);
  });
  const auto found = examine_sleep(apart.pid());
  if (!found) GTEST_SKIP() << "may not unshare here";
  EXPECT_EQ(codes(*found), "no other_namespaces");
}

TEST(ReadLaunch, IsExact) {
  const TempFolder folder;
  folder.write("in", "data");
  const Fd in(::open((folder.path() / "in").c_str(), O_RDONLY | O_CLOEXEC));
  const std::vector<std::string> argv{"sh", "-c", "sleep 1000; true", "a b", "", "x\n'\"$(y)", "\xff\xfe"};
  Child child(argv,
              {.descriptors = {{0, in.get()}}, .environment = {"PATH=/usr/bin:/bin", "ODD=\xff = x\n"}});
  Result<Launch> launch;
  ASSERT_TRUE(eventually([&] {
    launch = read_launch(child.pid(), {});
    return launch && launch->argv == argv;
  }));
  EXPECT_EQ(launch->process.pid, child.pid());
  EXPECT_EQ(launch->environment, (std::vector<std::string>{"PATH=/usr/bin:/bin", "ODD=\xff = x\n"}));
  EXPECT_EQ(launch->cwd, std::filesystem::current_path().string());
  EXPECT_EQ(launch->stdin_path, (folder.path() / "in").string());
  EXPECT_FALSE(launch->exe.empty());
  const auto mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(launch->umask, mask);
}

TEST(Fixtures, GarbageNeverEndsAScan) {
  const TempFolder folder;
  ScanOptions options;
  options.file_root = folder.path();
  options.interval_seconds = 0;
  EXPECT_EQ(scan_once(options).error().code, Code::not_found);
  folder.write("proc/100/stat",
               testing::stat_line({.pid = 100, .comm = ") R 1 (x\n", .utime = 9000, .rss_pages = 1 << 20}));
  folder.write("proc/101/stat", "garbage");
  const auto scan = scan_once(options);
  ASSERT_TRUE(scan);
  EXPECT_EQ(scan->processes, 1U);
  EXPECT_EQ(scan->unreadable, 1U);
  ASSERT_EQ(scan->candidates.size(), 1U);
  const auto& bare = scan->candidates[0];
  EXPECT_EQ(bare.command, "[) R 1 (x\n]");
  EXPECT_EQ(bare.restartable, Restartable::no) << "what is not known is never taken for harmless";
  EXPECT_FALSE(bare.uid);
  EXPECT_TRUE(bare.cwd.empty());

  folder.write("proc/100/cmdline", std::string(1U << 20U, 'x'));
  folder.write("proc/100/status", "Uid:\tgarbage\n");
  EXPECT_LE(scan_once(options)->candidates.at(0).command.size(), 4096U);
}

TEST(DescriptorLimit, IsRaised) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const auto limit = raise_descriptor_limit();
  EXPECT_EQ(limit.before, before.rlim_cur);
  EXPECT_EQ(limit.now, before.rlim_max);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace grid
