// What `grid doctor` looks at on the head: folders, disk, shim, clock.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "grid/sdk/transport.hpp"

namespace grid {

struct HeadPlaces {
  std::filesystem::path state;
  std::filesystem::path run_root;
  std::filesystem::path shim;
};

// [any] Blocks on the file systems it looks at: on the pool.
[[nodiscard]] std::vector<Check> check_head(const HeadPlaces& places);

}  // namespace grid
