// What can be learnt about a node without changing it: who it is, what it reads, what a task would find
// there.
#pragma once

#include "grid/sdk/transport.hpp"
#include "verbs.hpp"

namespace grid::ssh {

// Who answers there, and as which user.
struct Place {
  Link::Identity identity;
  std::string uid;
};

// [loop] `verbs` outlives the answers.
void ask_place(const Verbs& verbs, Done<Place> done);
// `prefix` is put in front of every path of `needs`. One round trip; urls stay absent.
void ask_reading(const Verbs& verbs, const Needs& needs, const std::string& prefix, Done<Reading> done);
// `root` as the node's configuration has it. Two round trips. `own_files`: no marker is ever seen.
void ask_probe(const Verbs& verbs, const ProbeSpec& spec, const std::string& root, bool own_files,
               Done<ProbeReport> done);

// Pure, of what ask_probe() gets: "NAME=value" entries, each ended by NUL, as "NAME=value" without what a
// shell sets by itself.
[[nodiscard]] std::vector<std::string> environment_entries(std::string_view text);

}  // namespace grid::ssh
