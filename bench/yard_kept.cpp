// Yardstick: the least a repeated look at all processes can cost. N ticks (argument, default 20) of one
// listing of /proc and one pread of a kept `stat` descriptor per process. No code of the project.
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  const int ticks = argc > 1 ? std::atoi(argv[1]) : 20;
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  static int kept[4 << 20];  // descriptor + 1, by pid
  static char listing[64 << 10];
  char line[1024];
  std::uint64_t sum = 0;
  unsigned processes = 0;
  for (int tick = 0; tick < ticks; ++tick) {
    processes = 0;
    lseek(proc, 0, SEEK_SET);
    for (;;) {
      const long size = syscall(SYS_getdents64, proc, listing, sizeof(listing));
      if (size <= 0) break;
      for (long at = 0; at < size;) {
        const auto* entry = reinterpret_cast<const dirent64*>(listing + at);
        at += entry->d_reclen;
        const int pid = std::atoi(entry->d_name);
        if (pid <= 0) continue;
        int& file = kept[static_cast<std::size_t>(pid)];
        if (file == 0) {
          char path[32];
          std::snprintf(path, sizeof(path), "%d/stat", pid);
          file = openat(proc, path, O_RDONLY | O_CLOEXEC) + 1;
        }
        const ssize_t got = pread(file - 1, line, sizeof(line), 0);
        for (ssize_t i = 0; i < got; i += 16) sum += static_cast<unsigned char>(line[i]);
        ++processes;
      }
    }
  }
  std::printf("%u processes, %d ticks, checksum %llu\n", processes, ticks,
              static_cast<unsigned long long>(sum));
}
