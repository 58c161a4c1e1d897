// Yardstick: `yard_spawn N W` runs `true` N times by bare posix_spawn, W in flight, and keeps nothing of it.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

bool spawn_true() {
  char name[] = "true";
  char* argv[] = {name, nullptr};
  pid_t pid = 0;
  return posix_spawnp(&pid, name, nullptr, nullptr, argv, environ) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: yard_spawn N W\n", stderr);
    return 2;
  }
  const long count = std::atol(argv[1]);
  const long in_flight = std::atol(argv[2]);
  long started = 0;
  long failed = 0;
  for (long ended = 0; ended < count; ++ended) {
    while (started < count && started - ended < in_flight) {
      if (!spawn_true()) return 1;
      ++started;
    }
    int status = 0;
    if (wait(&status) < 0) return 1;
    failed += status != 0 ? 1 : 0;
  }
  std::printf("%ld ran, %ld failed\n", count, failed);
  return failed == 0 ? 0 : 1;
}
