// `grid-shim run DIR`: runs what the spec in the run directory DIR says, and leaves when all of it has ended.
#pragma once

namespace grid::shim {

// Exit codes: 0 finished; 2 wrong usage or spec, nothing started; 3 somebody else passed or shut the gate.
int run_main(int argc, char** argv);

}  // namespace grid::shim
