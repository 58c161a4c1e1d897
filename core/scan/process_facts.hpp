// Reads the facts of one process. Blocks on /proc for some 100 µs. [any]
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/scan/facts.hpp"
#include "core/scan/process_row.hpp"

namespace grid {

// Kinds of namespace and the one a process lives in, such as "net" → "net:[4026531840]". Absent: not
// readable.
using Namespaces = std::map<std::string, std::string>;
[[nodiscard]] std::optional<Namespaces> read_namespaces(int proc, std::int32_t pid);

// `proc` is a descriptor of the folder /proc; `ours` is what namespaces are compared with. Absent: the
// process ended, or another one took its pid meanwhile.
[[nodiscard]] std::optional<ProcessFacts> read_process_facts(int proc, const ProcessRow& row,
                                                             const Namespaces& ours);

// The inodes of pipes and sockets a process holds, by what its descriptors are called. Empty: none, or not
// readable.
[[nodiscard]] std::vector<std::uint64_t> read_held_inodes(int proc, std::int32_t pid);

// Do two processes run the very same file? Where that cannot be read: have they the same arguments?
[[nodiscard]] bool runs_same_program(int proc, std::int32_t one, std::int32_t other);

}  // namespace grid
