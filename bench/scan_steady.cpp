// N ticks (argument, default 20) of the daemon's scan, as against yard_kept. With `facts` as second argument
// whole turns with candidates and facts, otherwise stage 1 alone.
#include <cstdio>
#include <cstdlib>

#include "core/scan/process_table.hpp"
#include "core/scan/scan.hpp"

int main(int argc, char** argv) {
  const int ticks = argc > 1 ? std::atoi(argv[1]) : 20;
  grid::raise_descriptor_limit();
  std::size_t processes = 0;
  if (argc > 2) {
    grid::HeadScanner scanner({});
    for (int tick = 0; tick < ticks; ++tick) {
      const auto scan = scanner.turn();
      if (!scan) return 1;
      processes = scan->processes;
    }
  } else {
    grid::ProcessTable table({}, 32768);
    for (int tick = 0; tick < ticks; ++tick) {
      if (!table.pass(grid::boot_clock())) return 1;
    }
    processes = table.rows().size();
  }
  std::printf("%zu processes, %d ticks\n", processes, ticks);
}
