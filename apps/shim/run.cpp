#include "apps/shim/run.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "apps/shim/runner.hpp"
#include "grid/sdk/run_directory.hpp"

namespace grid::shim {
namespace {

namespace rd = run_directory;

constexpr int bad_input = 2;
constexpr int gate_taken = 3;

int complain(int code, const std::string& what) {
  std::fprintf(stderr, "grid-shim: %s\n", what.c_str());
  return code;
}
std::string with_errno(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

// Nothing of whoever started the shim may reach the tasks: descriptors, signal dispositions, mask, session.
void stand_alone() {
  ::setsid();  // fails when it already leads its session, which is as good
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  for (int fd = ::open("/dev/null", O_RDWR); fd >= 0 && fd < 3; fd = ::open("/dev/null", O_RDWR)) continue;
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  for (int signal = 1; signal < NSIG; ++signal) std::signal(signal, SIG_DFL);
  sigset_t blocked;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP})
    sigdelset(&blocked, fault);
  ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

Result<rd::Spec> read_spec() {
  const Fd fd(::open(rd::spec_file.data(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(Code::not_found, with_errno("spec"));
  std::string text;
  char buffer[64 * 1024];
  ssize_t n = 0;
  while ((n = ::read(fd.get(), buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<std::size_t>(n));
  if (n < 0) return fail(Code::storage_failed, with_errno("spec"));
  return rd::decode_spec(text);
}

// Makes the gate's existence outlast a power cut before anything starts behind it.
void sync_folder() {
  const Fd folder(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ::fsync(folder.get());
}

}  // namespace

int run_main(int argc, char** argv) {
  if (argc != 2) return complain(bad_input, "usage: grid-shim run DIR");
  stand_alone();
  if (::chdir(argv[1]) != 0) return complain(bad_input, with_errno(argv[1]));
  auto spec = read_spec();
  if (!spec) return complain(bad_input, spec.error().message);
  Fd journal(::open(rd::journal_file.data(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!journal) return complain(bad_input, with_errno("journal"));
  // Held for life: who finds a gate without a record of its taker asks this lock whether one is still coming.
  if (::flock(journal.get(), LOCK_EX | LOCK_NB) != 0)
    return complain(gate_taken, "another one holds this run");
  if (::mkdir(rd::gate.data(), 0700) != 0) {
    return complain(errno == EEXIST ? gate_taken : bad_input, with_errno("start gate"));
  }
  sync_folder();
  Runner runner(std::move(*spec), std::move(journal));
  runner.run();
  return 0;
}

}  // namespace grid::shim
