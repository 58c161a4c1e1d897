// Yardstick: the least one look at all processes can cost. Reads `stat`, `cmdline` and the owner of each, one
// thread, plain calls, and prints a checksum so that nothing is left out. No code of the project.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cstdint>
#include <cstdio>

static char buffer[128 << 10];

static std::uint64_t read_sum(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::uint64_t sum = 0;
  const ssize_t size = read(file, buffer, sizeof(buffer));
  for (ssize_t i = 0; i < size; i += 16) sum += static_cast<unsigned char>(buffer[i]);
  close(file);
  return sum;
}

int main() {
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return 1;
  std::uint64_t sum = 0;
  unsigned processes = 0;
  char path[64];
  while (const dirent* entry = readdir(proc)) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
    std::snprintf(path, sizeof(path), "/proc/%.16s/stat", entry->d_name);
    sum += read_sum(path);
    std::snprintf(path, sizeof(path), "/proc/%.16s/cmdline", entry->d_name);
    sum += read_sum(path);
    std::snprintf(path, sizeof(path), "/proc/%.16s", entry->d_name);
    struct statx owner;
    if (statx(AT_FDCWD, path, 0, STATX_UID, &owner) == 0) sum += owner.stx_uid;
    ++processes;
  }
  closedir(proc);
  std::printf("%u processes, checksum %llu\n", processes, static_cast<unsigned long long>(sum));
}
