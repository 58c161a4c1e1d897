// Gates, cancels, leases, deaths and leftovers.
#include <set>

#include "testing.hpp"

namespace grid::conformance {
namespace {

class Life : public ShimTest {};
INSTANTIATE_TEST_SUITE_P(Shims, Life, ::testing::ValuesIn(shims()), name_of);

TEST_P(Life, WhoComesSecondStartsNothing) {
  spec.argv = {"touch", base / "ran"};
  fs::create_directory(folder / rd::gate);
  start();
  EXPECT_EQ(finish(), 3);
  EXPECT_FALSE(fs::exists(base / "ran"));
  EXPECT_EQ(contents(folder / rd::journal_file), "");
}

TEST_P(Life, ABadSpecStartsNothing) {
  spec.argv = {"touch", base / "ran"};
  const std::string good = rd::encode(spec);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const auto& text :
       {std::string(), good.substr(0, good.size() - 1), good + "end\n", with("grid-run 2", "grid-run 1"),
        with("slots 1", "slots 0"), with("slots 1", "speed 1"), with("slots 1\n", ""),
        with("slots 1", "slots 1\nslots 1"), with("elements 0:1", "elements 5-2:1"),
        with("elements 0:1", "elements 0-2:1 1:1"), with("elements 0:1", "elements 4-5:1 0-4:1"),
        with("array no", "array maybe"), with("arg touch", "arg \\0000"), with("arg touch", "arg a\\04"),
        with("arg touch", "arg a b"), with("arg touch", "arg \xff"),
        with("slots 1", "slots $(touch " + (base / "ran").string() + ")"),
        with("nonce n1", "nonce n1\n`touch " + (base / "ran").string() + "`")}) {
    place(text);
    EXPECT_EQ(wait_for(spawn("run")), 2) << text;
    EXPECT_FALSE(fs::exists(folder / rd::gate)) << text;
  }
  EXPECT_FALSE(fs::exists(base / "ran"));
}

TEST_P(Life, TextOfTheSpecIsNeverCode) {
  const std::string code =
      "$(touch " + (base / "ran").string() + ")`touch " + (base / "ran").string() + "`\";'";
  spec.argv = {"printf", "%s", code};
  spec.environment.push_back("X=" + code);
  spec.environment.push_back("$(touch " + (base / "ran").string() + ")=1");
  spec.inherit = {"$(touch " + (base / "ran").string() + ")", "a; touch " + (base / "ran").string()};
  run();
  EXPECT_EQ(out(), code);
  EXPECT_FALSE(fs::exists(base / "ran"));
}

TEST_P(Life, TheJournalTellsTheWholeStoryAtEachPrefix) {
  array(5, 2, "exit 0");
  std::ofstream(folder.parent_path() / "bell").flush();
  run();
  const auto all = records();
  ASSERT_EQ(all.size(), 12U);
  const auto& shim_record = std::get<rd::ShimRecord>(all.front());
  EXPECT_EQ(shim_record.boot_id, rd::boot_id());
  const std::string text = contents(folder / rd::journal_file);
  std::set<std::uint32_t> started;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::vector<rd::Record> some;
    ASSERT_TRUE(rd::decode_journal(std::string_view(text).substr(0, cut), some));
  }
  for (const auto& record : all) {
    if (const auto* const start = std::get_if<rd::StartedRecord>(&record)) started.insert(start->element);
    if (const auto* const exited = std::get_if<rd::ExitedRecord>(&record)) {
      EXPECT_TRUE(started.contains(exited->element));
    }
  }
  if (GetParam().has_end) {
    EXPECT_GE(contents(folder.parent_path() / "bell").size(), 7 * 5U) << "one e1.1 each";
  }
}

TEST_P(Life, LeftoversAreEndedAndCounted) {
  family("", "exit 3");
  run();
  EXPECT_EQ(ending().code, 3);
  EXPECT_EQ(ending().leftovers, 4U);
  for (const pid_t pid : pids(4)) EXPECT_FALSE(alive(pid));
}

TEST_P(Life, AnotherElementsDaemonIsLeftAlone) {
  array(
      2, 2,
      "cd " + base.string() +
          "; case ${GRID_EXECUTION##*.} in 0) setsid sleep 1000 & echo $! >daemon; while [ ! -e other ]; do "
          "sleep 0.01; done; sleep 0.3; kill -0 $(cat daemon);; 1) while [ ! -s daemon ]; do sleep 0.01; "
          "done; "
          "touch other;; esac");
  run();
  EXPECT_EQ(endings().at(0).code, 0);
  EXPECT_EQ(endings().at(0).leftovers, 1U);
  EXPECT_EQ(endings().at(1).leftovers, 0U);
}

TEST_P(Life, CancelEndsTheWholeFamilyAndNoStranger) {
  family("", "wait");
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    ::setenv("GRID_COOKIE", "another", 1);
    ::setenv("GRID_EXECUTION", "e1", 1);
    ::execlp("sleep", "sleep", "1000", nullptr);
    ::_exit(1);
  }
  start();
  const auto all = pids(4);
  ask_to_cancel("all");
  EXPECT_EQ(finish(), 0);
  EXPECT_EQ(ending().signal, SIGTERM);
  EXPECT_FALSE(ending().fenced);
  for (const pid_t pid : all) EXPECT_FALSE(alive(pid));
  EXPECT_TRUE(alive(stranger));
  ::kill(stranger, SIGKILL);
  ::waitpid(stranger, nullptr, 0);
}

TEST_P(Life, WhoIgnoresTermIsKilledAfterTheGrace) {
  family("trap '' TERM; ", "while :; do sleep 0.05; done");
  spec.grace_seconds = 0.6;
  start();
  const auto all = pids(4);
  const auto asked = std::chrono::steady_clock::now();
  ask_to_cancel("all");
  EXPECT_EQ(finish(), 0);
  EXPECT_GE(std::chrono::steady_clock::now() - asked, 550ms);
  EXPECT_LE(std::chrono::steady_clock::now() - asked, 4s);
  EXPECT_EQ(ending().signal, SIGKILL);
  for (const pid_t pid : all) EXPECT_FALSE(alive(pid));
}

TEST_P(Life, ACancelledFamilyHasItsGraceAfterItsHeadEnded) {
  script(
      "cd " + base.string() +
      "; (trap 'sleep 0.3; echo clean >done; exit' TERM; echo >ready; while :; do sleep 0.01; done) & wait");
  start();
  ASSERT_TRUE(until_exists(base / "ready"));
  ask_to_cancel("all");
  EXPECT_EQ(finish(), 0);
  EXPECT_EQ(contents(base / "done"), "clean\n");
}

TEST_P(Life, AStoppedTaskCanBeCancelled) {
  script("touch " + (base / "ready").string() + "; kill -STOP $$");
  start();
  ASSERT_TRUE(until([&] {
    const auto all = starts();
    return all.contains(0) && rd::process_facts(all.at(0).pid)->state == 'T';
  }));
  ask_to_cancel("all");
  EXPECT_EQ(finish(), 0);
  EXPECT_EQ(ending().signal, SIGTERM);
}

TEST_P(Life, SingleElementsAreCancelledStartedOrNot) {
  array(4, 1, "cd " + base.string() + "; echo $GRID_EXECUTION >>ran; while [ ! -e go ]; do sleep 0.01; done");
  start();
  ASSERT_TRUE(until([&] { return contents(base / "ran") == "e1.0\n"; }));
  std::ofstream(folder / rd::cancel_folder / "2").flush();
  ask_to_cancel("0");
  ASSERT_TRUE(until([&] { return starts().contains(1); }));
  std::ofstream(base / "go").put('x');
  EXPECT_EQ(finish(), 0);
  const auto all = endings();
  EXPECT_EQ(all.at(0).signal, SIGTERM);
  EXPECT_EQ(all.at(1).code, 0);
  EXPECT_EQ(all.at(2).signal, SIGTERM);
  EXPECT_EQ(all.at(3).code, 0);
  EXPECT_EQ(contents(base / "ran"), "e1.0\ne1.1\ne1.3\n");
}

TEST_P(Life, OneOfTwoRunningElementsIsCancelled) {
  array(2, 2,
        "cd " + base.string() + "; touch at${GRID_EXECUTION##*.}; while [ ! -e go ]; do sleep 0.01; done");
  start();
  ASSERT_TRUE(until_exists(base / "at0") && until_exists(base / "at1"));
  ask_to_cancel("1");
  ASSERT_TRUE(until([&] { return endings().contains(1); }));
  EXPECT_FALSE(endings().contains(0));
  std::ofstream(base / "go").put('x');
  EXPECT_EQ(finish(), 0);
  EXPECT_EQ(endings().at(0).code, 0);
  EXPECT_EQ(endings().at(1).signal, SIGTERM);
}

TEST_P(Life, CancelledBeforeItStarts) {
  array(3, 2, "touch " + (base / "ran").string());
  std::ofstream(folder / rd::cancel_folder / rd::cancel_all).flush();
  run();
  for (const auto& [element, ending] : endings()) EXPECT_EQ(ending.signal, SIGTERM);
  EXPECT_EQ(endings().size(), 3U);
  EXPECT_FALSE(fs::exists(base / "ran"));
}

TEST_P(Life, ALeaseEndsEverythingInTime) {
  family("trap '' TERM; ", "while :; do sleep 0.05; done");
  spec.grace_seconds = 0.5;
  lease_for(3000);
  start();
  const auto all = pids(4);
  EXPECT_TRUE(until([&] { return !alive(all.back()); }));
  const auto deadline = std::stoll(contents(folder / rd::lease_file));
  EXPECT_GE(boottime_ms(), deadline - 500);
  EXPECT_LE(boottime_ms(), deadline + 1500);
  EXPECT_EQ(finish(), 0);
  EXPECT_EQ(ending().signal, SIGKILL);
  EXPECT_TRUE(ending().fenced);
  for (const pid_t pid : all) EXPECT_FALSE(alive(pid));
}

TEST_P(Life, ALeaseIsOverBeforeTheGraceBegins) {
  array(4, 2, "sleep 1000");
  spec.grace_seconds = 20;  // more than there is: half of what is left goes to the tasks
  lease_for(3000);
  start();
  EXPECT_EQ(finish(), 0);
  EXPECT_LE(boottime_ms(), std::stoll(contents(folder / rd::lease_file)));
  const auto all = endings();
  ASSERT_EQ(all.size(), 4U);
  for (const auto& [element, ending] : all) {
    EXPECT_EQ(ending.signal, SIGTERM);
    EXPECT_TRUE(ending.fenced);
  }
  EXPECT_EQ(starts().size(), 2U);
}

TEST_P(Life, ALeaseThatIsOverStartsNothing) {
  array(3, 2, "touch " + (base / "ran").string());
  lease_for(-1);
  run();
  for (const auto& [element, ending] : endings()) {
    EXPECT_EQ(ending.signal, SIGTERM);
    EXPECT_TRUE(ending.fenced);
  }
  EXPECT_EQ(endings().size(), 3U);
  EXPECT_FALSE(fs::exists(base / "ran"));
}

TEST_P(Life, ARenewedLeaseLetsItLive) {
  script("cd " + base.string() + "; touch ready; while [ ! -e go ]; do sleep 0.01; done");
  spec.grace_seconds = 0.2;
  lease_for(2000);
  start();
  ASSERT_TRUE(until_exists(base / "ready"));
  const auto end = std::chrono::steady_clock::now() + 3500ms;
  while (std::chrono::steady_clock::now() < end) {
    lease_for(2000);
    std::this_thread::sleep_for(200ms);
  }
  std::ofstream(base / "go").put('x');
  EXPECT_EQ(finish(), 0);
  EXPECT_EQ(ending().code, 0);
  EXPECT_FALSE(ending().fenced);
}

TEST_P(Life, WhoWasStoppedLooksAtTheLeaseFirst) {
  array(3, 1, "cd " + base.string() + "; echo x >>ran; while [ ! -e go ]; do sleep 0.01; done");
  spec.grace_seconds = 0.2;
  lease_for(2500);
  start();
  ASSERT_TRUE(until([&] { return contents(base / "ran") == "x\n"; }));
  const auto before = marked();
  for (const pid_t pid : before) ::kill(pid, SIGSTOP);
  ::kill(shim, SIGSTOP);
  std::ofstream(base / "go").put('x');
  std::this_thread::sleep_for(2700ms);
  for (const pid_t pid : before) ::kill(pid, SIGCONT);
  ::kill(shim, SIGCONT);
  EXPECT_EQ(finish(), 0);
  EXPECT_EQ(contents(base / "ran"), "x\n") << "nothing starts after the deadline";
  EXPECT_TRUE(endings().at(1).fenced);
  EXPECT_TRUE(endings().at(2).fenced);
}

TEST_P(Life, WithoutALeaseNobodyWakes) {
  script("sleep 1.5");
  start();
  ASSERT_TRUE(until([&] { return starts().contains(0); }));
  std::this_thread::sleep_for(200ms);
  const auto id = std::get<rd::ShimRecord>(records().front()).process.pid;
  const auto switches = [&] {
    const std::string text = contents("/proc/" + std::to_string(id) + "/status");
    return text.substr(text.find("voluntary_ctxt_switches"));
  };
  const auto before = switches();
  std::this_thread::sleep_for(700ms);
  EXPECT_EQ(switches(), before);
  EXPECT_EQ(finish(), 0);
}

TEST_P(Life, WhatADeadShimLeftIsEnded) {
  if (!GetParam().has_end) GTEST_SKIP() << "the local transport ends what a dead shim left; see its tests";
  array(4, 2,
        "cd " + base.string() +
            "; trap '' TERM HUP; sleep 1000 & echo $! >>pids; setsid sleep 1000 & echo $! >>pids; wait");
  start();
  const auto all = pids(4);
  ::kill(shim, SIGKILL);
  for (const auto& record : records()) {
    if (const auto* const its = std::get_if<rd::ShimRecord>(&record)) ::kill(its->process.pid, SIGKILL);
  }
  finish();
  EXPECT_EQ(wait_for(spawn("end")), 0);
  for (const pid_t pid : all) EXPECT_FALSE(alive(pid));
  EXPECT_EQ(marked(), std::vector<pid_t>());
  EXPECT_EQ(wait_for(spawn("end")), 0) << "once more does no harm";
}

}  // namespace
}  // namespace grid::conformance
