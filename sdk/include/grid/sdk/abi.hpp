// What makes a plugin and a host fit: one ABI number, and a fingerprint of compiler and standard library.
// The border is C++ and therefore exact-match: a plugin runs only in a host built with the same number and
// fingerprint.
#pragma once

// Raised whenever a type or virtual function in this SDK changes in layout, order or meaning.
#define GRID_ABI 2

#define GRID_STRINGIZE_(x) #x
#define GRID_STRINGIZE(x) GRID_STRINGIZE_(x)

// Name of the ELF section that carries the ABI number. The host reads section names without opening the
// library, so a plugin of another ABI is refused before any of its code runs. A section survives strip; a
// symbol does not.
#define GRID_ABI_SECTION "grid.abi." GRID_STRINGIZE(GRID_ABI)

// Sanitizers change the layout of nothing here but do change what may be mixed at run time.
#if defined(__SANITIZE_THREAD__)
#define GRID_FINGERPRINT_SANITIZER ";tsan"
#elif defined(__SANITIZE_ADDRESS__)
#define GRID_FINGERPRINT_SANITIZER ";asan"
#else
#define GRID_FINGERPRINT_SANITIZER ""
#endif

#include <version>  // _GLIBCXX_USE_CXX11_ABI, __GLIBCXX__

#if defined(__clang__)
#define GRID_FINGERPRINT_COMPILER "clang-" GRID_STRINGIZE(__clang_major__)
#else
#define GRID_FINGERPRINT_COMPILER "gcc-" GRID_STRINGIZE(__GNUC__)
#endif

#define GRID_FINGERPRINT                                                                     \
  GRID_FINGERPRINT_COMPILER ";c++" GRID_STRINGIZE(__cplusplus) ";libstdc++-" GRID_STRINGIZE( \
      _GLIBCXX_RELEASE) ";cxx11-" GRID_STRINGIZE(_GLIBCXX_USE_CXX11_ABI) GRID_FINGERPRINT_SANITIZER

// Types that cross the border have their typeinfo and virtual tables in libgrid_sdk.so alone.
#define GRID_SDK __attribute__((visibility("default")))
