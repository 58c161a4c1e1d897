#include "shims.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <tuple>

namespace grid::conformance {
namespace {

const std::string scripts = GRID_SOURCE_DIR "/plugins/transports/ssh/scripts/";

// As a node gets it: one text, without indentation and lines that only comment.
std::string joined() {
  const std::string path = GRID_BUILD_DIR "/tests/conformance_shim.sh";
  const std::string beside = path + '.' + std::to_string(::getpid());
  std::ofstream out(beside);
  for (const auto* const part : {"shim_element.sh", "shim_slots.sh", "shim.sh"}) {
    std::ifstream in(scripts + part);
    for (std::string line; std::getline(in, line);) {
      line.erase(0, line.find_first_not_of(" \t"));
      if (!line.starts_with('#')) out << line << '\n';
    }
  }
  out.close();
  std::filesystem::rename(beside, path);
  return path;
}

}  // namespace

const std::vector<Shim>& shims() {
  static const std::vector<Shim> all = [] {
    const std::string script = joined();
    Shim cpp{.name = "cpp", .command = {GRID_BUILD_DIR "/lib/grid/grid-shim"}};
    cpp.usage = cpp.orphans = cpp.attribution = cpp.odd_inherit = cpp.exec_format = cpp.all_descriptors =
        cpp.late_lease = true;
    std::vector<Shim> list{cpp};
    for (const auto& [name, shell, tools] :
         {std::tuple{"sh", std::vector<std::string>{"/bin/sh"}, Shim::Tools::all},
          std::tuple{"dash", std::vector<std::string>{"/usr/bin/dash"}, Shim::Tools::without_bash},
          std::tuple{"busybox", std::vector<std::string>{"/usr/bin/busybox", "sh"}, Shim::Tools::busybox},
          std::tuple{"bash", std::vector<std::string>{"/bin/bash"}, Shim::Tools::all}}) {
      Shim shim{.name = name, .command = shell, .tools = tools, .has_end = true};
      shim.all_descriptors = shim.name == "bash";
      shim.command.push_back(shim.name == "bash" ? scripts + "shim.sh" : script);
      list.push_back(shim);
    }
    return list;
  }();
  return all;
}

}  // namespace grid::conformance
