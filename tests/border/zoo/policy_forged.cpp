// Says about itself what the build asks for, and traps as soon as any of its code runs.
#include "grid/sdk/policy.hpp"

#ifndef ZOO_SECTION
#define ZOO_SECTION GRID_ABI_SECTION
#endif
#ifndef ZOO_ABI
#define ZOO_ABI GRID_ABI
#endif
#ifndef ZOO_SIZE
#define ZOO_SIZE sizeof(grid::Descriptor)
#endif
#ifndef ZOO_FINGERPRINT
#define ZOO_FINGERPRINT GRID_FINGERPRINT
#endif

#ifndef ZOO_NO_SECTION
__attribute__((section(ZOO_SECTION), used)) static const char mark = 1;
#endif

#ifdef ZOO_INIT_TRAPS
__attribute__((constructor)) static void trap() { __builtin_trap(); }
#endif

#ifndef ZOO_NO_ENTRY
extern "C" __attribute__((visibility("default"))) const grid::Descriptor grid_plugin_descriptor;
const grid::Descriptor grid_plugin_descriptor = {
    ZOO_SIZE,
    ZOO_ABI,
    ZOO_FINGERPRINT,
    grid::Kind::policy,
    "forged",
    "1.0.0",
    "Not what it says.",
    nullptr,
    0,
    "",
    [](grid::Host&) -> grid::Plugin* { return new grid::Plugin; },  // no policy
    [](grid::Plugin* plugin) { delete plugin; }};
#endif
