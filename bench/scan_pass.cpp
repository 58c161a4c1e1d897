// One look at all processes through core/scan, as against yard_scan and ps. With the argument `once`: a whole
// one-shot scan for the main job (two passes, facts of the busiest), its sleep cut to 100 ms, since sleeping
// costs no CPU.
#include <cstdio>
#include <cstring>

#include "core/scan/process_list.hpp"
#include "core/scan/scan.hpp"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "once") == 0) {
    grid::raise_descriptor_limit();
    grid::ScanOptions options;
    options.interval_seconds = 0.1;
    const auto scan = grid::scan_once(options);
    if (!scan) return 1;
    std::printf("%u processes, %zu candidates\n", scan->processes, scan->candidates.size());
    return 0;
  }
  const auto list = grid::list_processes();
  if (!list) return 1;
  std::size_t bytes = 0;
  for (const auto& one : *list) bytes += one.args ? one.args->size() : 0;
  std::printf("%zu processes, %zu bytes of arguments\n", list->size(), bytes);
}
