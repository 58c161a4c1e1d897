// Yardstick: `yard_ssh ADDRESS PORT USER KEY SHIM` keeps one SSH connection with one shell in it. For each
// line `N SLOTS` on standard input it runs `true` N times by the shim script, sent along in one batch, and
// prints the seconds that took. No host key is looked at, and nothing is kept.
#include <arpa/inet.h>
#include <libssh2.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

namespace {

constexpr std::string_view last_line = "yard-end\n";

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "yard_ssh: %s\n", what);
  std::exit(1);
}

int connect_to(const char* address, const char* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  const int one = 1;
  void* place = &to;
  if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
      connect(fd, static_cast<sockaddr*>(place), sizeof to) != 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
    give_up("no connection");
  return fd;
}

std::string content_of(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  if (text.str().empty()) give_up("no shim");
  return text.str();
}

// Puts the shim and a spec into a run directory, runs it, and says how many ended well.
std::string batch(const std::string& shim, const std::string& count, const std::string& slots) {
  return "d=$(mktemp -d /var/tmp/yard.XXXXXX); mkdir $d/1.b1; cat >$d/shim.sh <<'YARD'\n" + shim +
         "\nYARD\ncat >$d/1.b1/spec <<'YARD'\ngrid-run 2\nnonce yard\ncookie GRID_COOKIE=yard\nexecution "
         "1\narray "
         "yes\nelements 0-" +
         std::to_string(std::atoi(count.c_str()) - 1) + ":1\nslots " + slots +
         "\ngrace_ms 10000\ncwd /tmp\narg true\nenv PATH=/usr/bin:/bin\nend\nYARD\n"
         "sh $d/shim.sh run $d/1.b1 </dev/null >/dev/null 2>&1\n"
         "grep -c '^exited' $d/1.b1/journal\nrm -rf $d\necho yard-end\n";
}

std::string ask(LIBSSH2_CHANNEL* channel, const std::string& script) {
  for (std::size_t sent = 0; sent < script.size();) {
    const auto n = libssh2_channel_write(channel, script.data() + sent, script.size() - sent);
    if (n < 0) give_up("the connection is gone");
    sent += static_cast<std::size_t>(n);
  }
  std::string answer;
  while (!answer.ends_with(last_line)) {
    char piece[4096];
    const auto n = libssh2_channel_read(channel, piece, sizeof piece);
    if (n <= 0) give_up("the connection is gone");
    answer.append(piece, static_cast<std::size_t>(n));
  }
  return answer;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) give_up("usage: yard_ssh ADDRESS PORT USER KEY SHIM");
  const std::string shim = content_of(argv[5]);
  const int fd = connect_to(argv[1], argv[2]);
  LIBSSH2_SESSION* session = libssh2_init(0) == 0 ? libssh2_session_init() : nullptr;
  if (session == nullptr || libssh2_session_handshake(session, fd) != 0) give_up("no session");
  if (libssh2_userauth_publickey_fromfile(session, argv[3], nullptr, argv[4], "") != 0) give_up("not let in");
  LIBSSH2_CHANNEL* channel = libssh2_channel_open_session(session);
  if (channel == nullptr || libssh2_channel_exec(channel, "exec sh") != 0) give_up("no channel");
  std::string count;
  std::string slots;
  while (std::cin >> count >> slots) {
    const auto start = std::chrono::steady_clock::now();
    const std::string answer = ask(channel, batch(shim, count, slots));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (answer != count + "\n" + std::string(last_line)) give_up(("not all of it ran: " + answer).c_str());
    std::printf("%.6f\n", took.count());
    std::fflush(stdout);
  }
  libssh2_channel_free(channel);
  libssh2_session_disconnect(session, "done");
  libssh2_session_free(session);
  close(fd);
  return 0;
}
