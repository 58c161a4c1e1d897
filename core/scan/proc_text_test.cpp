#include "core/scan/proc_text.hpp"

#include <gtest/gtest.h>

#include "core/scan/socket_table.hpp"

namespace grid {
namespace {

using namespace std::string_literals;
using Strings = std::vector<std::string>;

TEST(ProcText, ArgumentsAreBytes) {
  EXPECT_EQ(split_at_nul("a\0b c\0\0\xff\0"s), (Strings{"a", "b c", "", "\xff"}));
  EXPECT_EQ(split_at_nul("cut"), Strings{"cut"});
  EXPECT_EQ(split_at_nul(""), Strings{});
  EXPECT_TRUE(is_title("nginx: worker process\0\0\0"s));
  EXPECT_TRUE(is_title("nginx: worker process"s));
  EXPECT_FALSE(is_title("/opt/my prog/x\0"s));
  EXPECT_FALSE(is_title("a\0b c\0"s));
}

TEST(ProcText, Variables) {
  const auto environ = "AB=1\0A=2=3\0B\0"s;
  EXPECT_EQ(find_variable(environ, "A"), "2=3");
  EXPECT_EQ(find_variable(environ, "B"), std::nullopt);
}

TEST(ProcText, Command) {
  EXPECT_EQ(join_command({"a", "b c"}, "x"), "a b c");
  EXPECT_EQ(join_command({}, "x"), "[x]");
  EXPECT_EQ(join_command({std::string(10'000, 'x'), "y"}, "x", 100).size(), 100U);
}

TEST(ProcText, Status) {
  const auto status = parse_status(
      "Name:\twork\nUmask:\t0022\nTracerPid:\t7\nUid:\t1\t2\t3\t4\nGid:\t5\t5\nCapEff:\t000001ffffffffff\n");
  EXPECT_EQ(status.uids, (StatusFile::Ids{1, 2, 3}));
  EXPECT_FALSE(status.gids) << "cut off";
  EXPECT_EQ(status.tracer, 7);
  EXPECT_EQ(status.umask, 18U);
  EXPECT_EQ(status.effective_capabilities, 0x1ffffffffffU);
}

TEST(ProcText, Cgroup) {
  EXPECT_EQ(parse_cgroup("0::/system.slice/x.service\n"), "/system.slice/x.service");
  EXPECT_EQ(parse_cgroup("4:memory:/very/long/other/path\n1:name=systemd:/user.slice/a.scope\n0::/\n"),
            "/user.slice/a.scope");
  EXPECT_EQ(parse_cgroup("4:memory:/slurm/uid_1\n0::/\n"), "/slurm/uid_1");
  EXPECT_EQ(parse_cgroup("garbage\n:\n"), "");
}

TEST(ProcText, FdInfo) {
  EXPECT_TRUE(parse_fdinfo("pos:\t0\nflags:\t0100001\nlock:\t1: FLOCK\n")->writable);
  EXPECT_TRUE(parse_fdinfo("pos:\t0\nflags:\t0100001\nlock:\t1: FLOCK\n")->locked);
  EXPECT_FALSE(parse_fdinfo("flags:\t0100001\n")->readable);
  EXPECT_FALSE(parse_fdinfo("flags:\t02100000\n")->writable);
  EXPECT_FALSE(parse_fdinfo("pos:\t0\n"));
}

TEST(ProcText, Maps) {
  EXPECT_EQ(parse_written_maps(
                "7f0-7f1 rw-s 0 08:01 5    /home/me/a b\n7f1-7f2 rw-p 0 08:01 5 /home/me/c\n"
                "7f2-7f3 r--s 0 08:01 6 /usr/cache\n7f3-7f4 rw-s 0 00:01 7 /dev/zero (deleted)\n"
                "7f4-7f5 rw-s 0 00:01 8 /memfd:x (deleted)\n7f5-7f6 rw-s 1 08:01 5    /home/me/a b\n7f"),
            Strings{"/home/me/a b"});
}

TEST(SocketTable, Tcp) {
  SocketTable table;
  parse_tcp(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0\n"
      "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12 1 0\n"
      "   2: 0100007F:1F90 0100007F:C350 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0\n"
      "   3: 0000000000000000FFFF00000100007F:0016 00000000000000000000000001000000:0000 0A 0:0 0:0 0 0 0 "
      "13\n"
      "   4: 0100007F:1F90 0100007F:C3",
      table);
  ASSERT_EQ(table.by_inode.size(), 3U);
  EXPECT_EQ(table.by_inode.at(11),
            (SocketFact{SocketFact::Family::tcp, true, false, "127.0.0.1:8080", "0.0.0.0:0"}));
  EXPECT_EQ(table.by_inode.at(12),
            (SocketFact{SocketFact::Family::tcp, false, true, "127.0.0.1:8080", "127.0.0.1:50000"}));
  EXPECT_EQ(table.by_inode.at(13).local, "[::ffff:127.0.0.1]:22");
}

TEST(SocketTable, UdpUnixNetlink) {
  SocketTable table;
  parse_udp(
      "header\n 1: 00000000:0035 00000000:0000 07 0:0 0:0 0 0 0 21 2 0\n 2: 0100007F:1F90 0100007F:0035 01 "
      "0:0 0:0 0 0 0 22\n",
      table);
  parse_unix(
      "header\n0: 00000002 00000000 00010000 0001 01 31 /run/a b\n0: 00000003 00000000 00000000 0001 03 32\n"
      "0: 00000002 00000000 00000000 0002 01 33\n",
      table);
  parse_netlink("header\n0 0 1 0 0 0 0 2 0 41\n", table);
  EXPECT_TRUE(table.by_inode.at(21).listening);
  EXPECT_TRUE(table.by_inode.at(22).connected);
  EXPECT_TRUE(table.by_inode.at(31).listening);
  EXPECT_EQ(table.by_inode.at(31).local, "/run/a b");
  EXPECT_TRUE(table.by_inode.at(32).connected);
  EXPECT_FALSE(table.by_inode.at(33).connected || table.by_inode.at(33).listening);
  EXPECT_EQ(table.by_inode.at(41).family, SocketFact::Family::kernel);
}

}  // namespace
}  // namespace grid
