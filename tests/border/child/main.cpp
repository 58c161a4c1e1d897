// A process that enters one plugin of the zoo and may die of it: border_child PLUGINS MARKERS KIND.NAME
// [OPTION=VALUE…]. Exit code 0: the plugin answered; 3: it was refused, and why is on stdout.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <thread>

#include "core/registry/fatal_signals.hpp"
#include "core/registry/registry.hpp"
#include "grid/sdk/testkit/loop_host.hpp"

namespace {

grid::Result<> enter(grid::Registry& registry, std::string_view plugin, const grid::Options& options) {
  using grid::fail;
  if (plugin.starts_with("policy.")) {
    auto policy = registry.policy(plugin.substr(7), options);
    if (!policy) return fail(policy.error());
    const auto answer = (*policy)->decide(std::make_shared<grid::Snapshot>(), "");
    if (!answer) return fail(answer.error());
  } else if (plugin.starts_with("renderer.")) {
    auto renderer = registry.renderer(plugin.substr(9), options);
    if (!renderer) return fail(renderer.error());
    const auto text = (*renderer)->render({.json = "{}"});
    if (!text) return fail(text.error());
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  grid::install_fatal_signal_handler();
  grid::Values values;
  for (int i = 4; i < argc; ++i) {
    const std::string_view word = argv[i];
    values[std::string(word.substr(0, word.find('=')))] = std::string(word.substr(word.find('=') + 1));
  }
  std::chrono::milliseconds deadline = std::chrono::minutes(1);
  if (values.erase("short") > 0) deadline = std::chrono::milliseconds(200);
  grid::testkit::LoopHost host;
  grid::Registry registry({.folders = {argv[1]}, .marker_folder = argv[2], .deadline = deadline}, host);
  if (values.erase("host_dies") > 0) {
    const std::string begun = std::get<std::string>(values["begun"]);
    std::thread([&] {
      (void)enter(registry, argv[3], grid::Options(values));
      ::_exit(3);  // it did not hang
    }).detach();
    while (::access(begun.c_str(), F_OK) != 0) std::this_thread::yield();
    ::raise(SIGSEGV);
  }
  const auto entered = enter(registry, argv[3], grid::Options(values));
  if (entered) return 0;
  std::cout << entered.error().message << '\n';
  return 3;
}
