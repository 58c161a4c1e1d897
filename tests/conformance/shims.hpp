// The shims under test, and what only some of them give.
#pragma once

#include <string>
#include <vector>

namespace grid::conformance {

struct Shim {
  std::string name;
  std::vector<std::string> command;  // `run DIR` follows; `end DIR` too where has_end
  enum class Tools { all, without_bash, busybox } tools = Tools::all;

  // What only the C++ shim gives:
  bool usage = false;    // CPU seconds and peak memory of each element
  bool orphans = false;  // ends even descendants that left group and session and cleared their environment
  bool attribution = false;  // counts a leftover that left its group with the element it came from; the
                             // script with the last one of the slot
  bool all_descriptors =
      false;                 // keeps stray descriptors above 9 from the tasks (so does the script with bash)
  bool odd_inherit = false;  // inherits variables whose name no shell could hold
  bool exec_format = false;  // a script without #! is ENOEXEC (8); shells run it
  bool late_lease = false;   // notices at once a lease that came after the start, on SIGTERM; the script from
                             // the next element on
  // Beyond tests: it puts gate and journal on the disk (fsync), holds processes by pidfd instead of looking
  // at them right before each signal, and locks the journal.

  bool has_end = false;  // `end DIR`: the script only; the local transport does that itself
};

const std::vector<Shim>& shims();

}  // namespace grid::conformance
