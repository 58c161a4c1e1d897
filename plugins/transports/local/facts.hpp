// What can be learnt about this machine without changing it. Everything here blocks: jobs only. [any]
#pragma once

#include <filesystem>

#include "calls.hpp"

namespace grid::local {

// `prefix` is put in front of every path of `needs`; `taken` stays zero.
[[nodiscard]] Reading read_needs(const Needs& needs, const std::string& prefix);
struct ProbePlace {
  std::filesystem::path root;  // run root
  bool own_files = false;      // a file system of its own as far as anybody may tell: no marker is ever seen
};
// What a task inherits here is what the daemon has, for shims of this transport start with its environment.
// Errors: set_up()'s.
[[nodiscard]] Result<ProbeReport> probe(const ProbeSpec& spec, const ProbePlace& place,
                                        const Stopping& stopping);
[[nodiscard]] Result<Link::Identity> identify(const NodeAddress& node);

}  // namespace grid::local
