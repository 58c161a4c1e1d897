// grid-shim: the small static program that stands between grid and the processes it starts or holds. One
// verb, one job.
#include <cstdio>
#include <string_view>

#include "apps/shim/guard.hpp"
#include "apps/shim/run.hpp"

namespace {

struct Verb {
  std::string_view name;
  int (*call)(int argc, char** argv);  // argv[0] is the verb
};

constexpr Verb verbs[] = {
    {"run", grid::shim::run_main},
    {"guard", grid::shim::guard_main},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Verb& verb : verbs) {
    if (argc > 1 && verb.name == argv[1]) return verb.call(argc - 1, argv + 1);
  }
  std::fputs("grid-shim is started by grid; it is of no use by hand\n", stderr);
  return 2;
}
