// Load for the scan: a process that is worth a look. It maps FILE whole, which makes it large without taking
// memory for each of its kind, holds a pipe, a pair of sockets and a few files, and waits to be ended.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

int main(int argc, char** argv) {
  const int file = argc == 2 ? open(argv[1], O_RDONLY) : -1;
  struct stat facts {};
  if (file < 0 || fstat(file, &facts) != 0) return 2;
  const auto size = static_cast<std::size_t>(facts.st_size);
  if (mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0) == MAP_FAILED) return 2;
  int ends[2];
  if (pipe(ends) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 2;
  for (int i = 0; i < 8; ++i)
    if (dup(file) < 0) return 2;
  std::puts("ready");
  std::fflush(stdout);
  pause();
}
