#include "core/base/dirs.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <system_error>

namespace grid {
namespace fs = std::filesystem;
namespace {

// Only absolute values count, as the XDG specification says.
fs::path variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? fs::path(value) : fs::path();
}

fs::path home() {
  fs::path home = variable("HOME");
  if (!home.empty()) return home;
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? fs::path(entry->pw_dir) : fs::path("/");
}

}  // namespace

Dirs find_dirs() {
  const auto under_home = [](const char* name, const char* otherwise) {
    const fs::path base = variable(name);
    return (base.empty() ? home() / otherwise : base) / "grid";
  };
  Dirs dirs;
  dirs.config = under_home("XDG_CONFIG_HOME", ".config");
  const char* state = std::getenv("GRID_STATE_DIR");
  if (state != nullptr && state[0] != '\0') {
    dirs.state = fs::absolute(state);
    dirs.runtime = dirs.state / "run";
  } else {
    dirs.state = under_home("XDG_STATE_HOME", ".local/state");
    const fs::path runtime = variable("XDG_RUNTIME_DIR");
    dirs.runtime = runtime.empty() ? dirs.state / "run" : runtime / "grid";
  }
  std::error_code error;
  const fs::path prefix = fs::read_symlink("/proc/self/exe", error).parent_path().parent_path();
  dirs.library = prefix / "lib";
  for (const fs::path& candidate : {prefix / "lib", prefix / "lib/x86_64-linux-gnu", prefix / "lib64"})
    if (fs::exists(candidate / "grid/plugins", error)) {
      dirs.library = candidate;
      break;
    }
  dirs.share = prefix / "share/grid/config";
  if (!fs::exists(dirs.share, error)) dirs.share = prefix.parent_path() / "config";
  return dirs;
}

}  // namespace grid
