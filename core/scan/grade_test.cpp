#include "core/scan/grade.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace grid {
namespace {

OpenFile file(int number, OpenFile::Kind kind, std::string target, FdInfo access = {true, true, false},
              std::uint64_t inode = 0) {
  return {number, kind, std::move(target), inode, access};
}

TreeFacts plain() {
  ProcessFacts p;
  p.id = {100, 1};
  p.comm = "work";
  p.argv = std::vector<std::string>{"work"};
  p.status.uids = StatusFile::Ids{1000, 1000, 1000};
  p.status.effective_capabilities = 0;
  p.program_deleted = false;
  p.root = "/";
  p.foreign_namespaces = std::vector<std::string>();
  p.files = std::vector<OpenFile>{file(0, OpenFile::Kind::harmless, "/dev/null")};
  TreeFacts facts;
  facts.our_uid = 1000;
  facts.cpu_seconds = 1;
  facts.members.push_back(std::move(p));
  return facts;
}

TEST(Grade, APlainProcessMayGo) {
  const auto result = grade(plain(), 10);
  EXPECT_EQ(result.restartable, Restartable::yes);
  ASSERT_EQ(result.reasons.size(), 1U);
  EXPECT_EQ(result.reasons[0].code, "free_loss");
}

struct Case {
  const char* code;
  Restartable restartable;
  std::function<void(TreeFacts&)> change;
};

TEST(Grade, EachFactHasItsReason) {
  using Kind = OpenFile::Kind;
  using Family = SocketFact::Family;
  constexpr auto no = Restartable::no;
  constexpr auto loss = Restartable::with_loss;
  const auto opens = [](int number, Kind kind, std::string target, FdInfo access = {true, true, false},
                        std::uint64_t inode = 0) {
    return [=](TreeFacts& f) { f.members[0].files->push_back(file(number, kind, target, access, inode)); };
  };
  const auto holds = [](SocketEnd end) {
    return [=](TreeFacts& f) {
      f.members[0].files->push_back(file(3, Kind::socket, "socket:[7]", {}, 7));
      f.sockets[7] = end;
    };
  };
  const Case cases[] = {
      {"init", no, [](auto& f) { f.standing = TreeFacts::Standing::init; }},
      {"grid_itself", no, [](auto& f) { f.standing = TreeFacts::Standing::ourselves; }},
      {"grid_itself", no, [](auto& f) { f.holds_grid = true; }},
      {"grid_itself", no, [](auto& f) { f.members[0].grid_execution = "7"; }},
      {"our_session", no, [](auto& f) { f.standing = TreeFacts::Standing::our_ancestor; }},
      {"kernel_thread", no, [](auto& f) { f.members[0].kernel_thread = true; }},
      {"zombie", no, [](auto& f) { f.members[0].zombie = true; }},
      {"other_user", no, [](auto& f) { f.our_uid = 0; }},
      {"unknown_user", no, [](auto& f) { f.members[0].status.uids.reset(); }},
      {"privileged", no, [](auto& f) { f.members[0].status.uids->effective = 0; }},
      {"privileged", no,
       [](auto& f) {
         f.members[0].status.gids = StatusFile::Ids{1000, 1000, 0};
       }},
      {"privileged", no, [](auto& f) { f.members[0].status.effective_capabilities = 1; }},
      {"traced", no, [](auto& f) { f.members[0].status.tracer = 5; }},
      {"deleted_program", no, [](auto& f) { f.members[0].program_deleted = true; }},
      {"unknown_program", no, [](auto& f) { f.members[0].program_deleted.reset(); }},
      {"other_namespaces", no, [](auto& f) { f.members[0].foreign_namespaces->push_back("mnt"); }},
      {"unknown_namespaces", no, [](auto& f) { f.members[0].foreign_namespaces.reset(); }},
      {"other_root", no, [](auto& f) { f.members[0].root = "/srv/jail"; }},
      {"unknown_files", no, [](auto& f) { f.members[0].files.reset(); }},
      {"unknown_arguments", no, [](auto& f) { f.members[0].title = true; }},
      {"unknown_arguments", no, [](auto& f) { f.members[0].argv.reset(); }},
      {"unknown_processes", no, [](auto& f) { f.members_left_out = 3; }},
      {"unknown_processes", no, [](auto& f) { f.members.clear(); }},
      {"supervised", no, [](auto& f) { f.supervisor = "make"; }},
      {"batch_system", no, [](auto& f) { f.members[0].batch_system = "Slurm"; }},
      {"forked_worker", no, [](auto& f) { f.fork_of = 5; }},
      {"device", no, opens(3, Kind::device, "/dev/kvm")},
      {"pipe", no, opens(0, Kind::pipe, "pipe:[9]", {true, false, false}, 9)},
      {"pipe", no, opens(3, Kind::pipe, "/run/fifo")},
      {"deleted_input", no, opens(0, Kind::regular, "/tmp/x (deleted)", {true, false, false})},
      {"unknown_socket", no, holds({})},
      {"listening_socket", no, holds({SocketFact{Family::tcp, true, false, "0.0.0.0:80", "0.0.0.0:0"}})},
      {"connected_socket", no, holds({SocketFact{Family::tcp, false, true, "10.0.0.1:5000", "10.0.0.2:80"}})},
      {"connected_socket", no, holds({SocketFact{Family::local, false, true, "", ""}})},
      {"cpu_time", loss, [](auto& f) { f.cpu_seconds = 10; }},
      {"terminal_output", loss, opens(1, Kind::terminal, "/dev/pts/1")},
      {"terminal_input", loss, opens(0, Kind::terminal, "/dev/pts/1")},
      {"redirected_output", loss, opens(2, Kind::regular, "/home/me/log")},
      {"foreground", loss, [](auto& f) { f.members[0].in_foreground = true; }},
      {"open_file", loss, opens(5, Kind::regular, "/home/me/out")},
      {"file_lock", loss, opens(5, Kind::regular, "/home/me/lock", {true, false, true})},
      {"mapped_file", loss, [](auto& f) { f.members[0].written_maps.push_back("/home/me/db"); }},
      {"gpu", loss, opens(5, Kind::gpu, "/dev/nvidia0")},
      // harmless ones
      {"free_loss", Restartable::yes, opens(0, Kind::regular, "/home/me/in", {true, false, false})},
      {"free_loss", Restartable::yes, holds({SocketFact{Family::local, false, true, "", ""}, true})},
      {"free_loss", Restartable::yes, holds({SocketFact{Family::local, false, false, "", ""}})},
      {"free_loss", Restartable::yes, holds({SocketFact{Family::kernel}})},
      {"free_loss", Restartable::yes, opens(7, Kind::pipe, "pipe:[9]", {true, true, false}, 9)},
  };
  for (const auto& one : cases) {
    auto facts = plain();
    one.change(facts);
    const auto result = grade(facts, 10);
    EXPECT_EQ(result.restartable, one.restartable) << one.code;
    ASSERT_FALSE(result.reasons.empty()) << one.code;
    EXPECT_EQ(result.reasons[0].code, one.code);
    EXPECT_FALSE(result.reasons[0].text.empty()) << one.code;
  }
}

TEST(Grade, APipeInsideTheTreeIsItsOwnUntilSharedOutside) {
  auto facts = plain();
  facts.members.push_back(facts.members[0]);
  facts.members[0].files->push_back(file(1, OpenFile::Kind::pipe, "pipe:[9]", {false, true, false}, 9));
  facts.members[1].files->push_back(file(0, OpenFile::Kind::pipe, "pipe:[9]", {true, false, false}, 9));
  EXPECT_EQ(grade(facts, 10).restartable, Restartable::yes);
  facts.outside[9] = 55;
  EXPECT_EQ(grade(facts, 10).reasons.at(0).code, "pipe");
  EXPECT_NE(grade(facts, 10).reasons.at(0).text.find("55"), std::string::npos);
}

TEST(Grade, NamesEveryReasonButNotHundreds) {
  auto facts = plain();
  facts.supervisor = "make";
  facts.cpu_seconds = 60;
  for (int i = 3; i < 300; ++i) {
    facts.members[0].files->push_back(file(i, OpenFile::Kind::regular, "/out/" + std::to_string(i)));
  }
  const auto result = grade(facts, 10);
  EXPECT_EQ(result.restartable, Restartable::no);
  EXPECT_EQ(result.reasons.at(0).code, "supervised");
  EXPECT_EQ(result.reasons.at(1).code, "cpu_time");
  EXPECT_EQ(result.reasons.size(), 8U);
}

TEST(Grade, AnotherMembersFactsCountToo) {
  auto facts = plain();
  facts.members.push_back(facts.members[0]);
  facts.members[1].id.pid = 101;
  facts.members[1].status.tracer = 5;
  EXPECT_EQ(grade(facts, 10).reasons.at(0).code, "traced");
  EXPECT_NE(grade(facts, 10).reasons.at(0).text.find("101"), std::string::npos);
}

}  // namespace
}  // namespace grid
