// Where a test may have the daemon die: GRID_CRASH_AT=N ends it by SIGKILL at the Nth point. Unset, it costs
// a comparison.
#pragma once

namespace grid {

void crash_point() noexcept;

}  // namespace grid
