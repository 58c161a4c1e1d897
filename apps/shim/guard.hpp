// `grid-shim guard REPORT`; argv[0] is "guard". Started by grid::Guard only, with its socket as descriptor 3.
// Returns the exit code: 0 disarmed, or the tree runs again; 1 it could not be continued as a whole; 2 wrong
// call.
#pragma once

namespace grid::shim {

int guard_main(int argc, char** argv);

}  // namespace grid::shim
