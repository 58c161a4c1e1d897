#include "shims.hpp"

#include <tuple>

namespace grid::conformance {

const std::vector<Shim>& shims() {
  static const std::vector<Shim> all = [] {
    const std::string script = GRID_SOURCE_DIR "/plugins/transports/ssh/scripts/shim.sh";
    Shim cpp{.name = "cpp", .command = {GRID_BUILD_DIR "/lib/grid/grid-shim"}};
    cpp.usage = cpp.orphans = cpp.attribution = cpp.odd_inherit = cpp.exec_format = cpp.all_descriptors =
        cpp.late_lease = true;
    std::vector<Shim> list{cpp};
    // A plain dash takes the bash that is there; the next two have none.
    for (const auto& [name, shell, tools] :
         {std::tuple{"sh", std::vector<std::string>{"/bin/sh"}, Shim::Tools::all},
          std::tuple{"dash", std::vector<std::string>{"/usr/bin/dash"}, Shim::Tools::without_bash},
          std::tuple{"busybox", std::vector<std::string>{"/usr/bin/busybox", "sh"}, Shim::Tools::busybox},
          std::tuple{"bash", std::vector<std::string>{"/bin/bash"}, Shim::Tools::all}}) {
      Shim shim{.name = name, .command = shell, .tools = tools, .has_end = true};
      shim.all_descriptors = tools == Shim::Tools::all;
      shim.command.push_back(script);
      list.push_back(shim);
    }
    return list;
  }();
  return all;
}

}  // namespace grid::conformance
