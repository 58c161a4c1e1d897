// What can be learnt about this machine without changing it. Everything here blocks: jobs only. [any]
#pragma once

#include <filesystem>

#include "grid/sdk/transport.hpp"

namespace grid::local {

// `prefix` is put in front of every path of `needs`; `taken` stays zero.
[[nodiscard]] Reading read_needs(const Needs& needs, const std::string& prefix);
// `own_files`: the node has a file system of its own as far as anybody may tell, so no marker is ever seen.
[[nodiscard]] ProbeReport probe(const ProbeSpec& spec, const std::filesystem::path& root, bool own_files);
[[nodiscard]] Result<Link::Identity> identify(const NodeAddress& node);

}  // namespace grid::local
