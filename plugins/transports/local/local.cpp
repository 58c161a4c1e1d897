// The transport to this machine: the head itself, and simulated workers, which differ only in their names.
#include <dlfcn.h>

#include <array>

#include "link.hpp"

namespace grid::local {
namespace {

constexpr std::array options = {
    OptionSpec{"shim", OptionType::text, "",
               "The program that starts tasks; empty: the one installed with this plugin."},
};

constexpr const char* sample = R"(plugins:
  transport.local:
    shim: ""                # the program that starts tasks; empty: the one installed with this plugin
)";

// <libdir>/grid/plugins/<this> → <libdir>/grid/grid-shim
std::filesystem::path installed_shim() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&installed_shim), &info) == 0) return {};
  return std::filesystem::absolute(info.dli_fname).parent_path().parent_path() / "grid-shim";
}

class Local final : public Transport {
 public:
  explicit Local(Host& host) : host_(host), journals_(host) {}
  ~Local() override { Local::stop(); }

  Result<> configure(const Options& values) override {
    shim_ = values.text("shim");
    if (shim_.empty()) shim_ = installed_shim();
    if (!shim_.is_absolute()) return fail(Code::config_invalid, "option `shim` must be an absolute path");
    return {};
  }
  Result<> start() override { return journals_.start(); }
  void stop() noexcept override {
    for (LocalLink* const link : links_) link->stop();
    journals_.stop();
  }
  Result<std::unique_ptr<Link>> open(const NodeAddress& node, RunSink& sink) override {
    if (!run_directory::is_name(node.machine_id)) {
      return fail(Code::config_invalid, "node " + node.name + ": '" + node.machine_id + "' is no machine id");
    }
    return std::make_unique<LocalLink>(LocalLink::Home{host_, journals_, links_, shim_}, sink, node);
  }

 private:
  Host& host_;
  Journals journals_;
  std::set<LocalLink*> links_;
  std::filesystem::path shim_;
};

}  // namespace

GRID_PLUGIN(transport, local, "1.0.0", "Runs tasks on this machine, as the head or as simulated workers.",
            Local, options, sample)

}  // namespace grid::local
