// A renderer behind the host's fence: timed, counted, with a deadline.
#pragma once

#include <memory>
#include <string>

#include "core/registry/status.hpp"
#include "grid/sdk/renderer.hpp"

namespace grid {

class Supervisor;

class RunningRenderer {
 public:
  // By Registry::renderer().
  RunningRenderer(std::shared_ptr<Supervisor> supervisor, std::shared_ptr<Renderer> renderer);
  // Stops the renderer. [loop]
  ~RunningRenderer();
  RunningRenderer(const RunningRenderer&) = delete;
  RunningRenderer& operator=(const RunningRenderer&) = delete;

  // [any] Waits for the text, up to the deadline. `view.json` is copied. Error: plugin_fault, or the
  // renderer's own.
  [[nodiscard]] Result<std::string> render(const View& view);
  [[nodiscard]] PluginStatus status() const;  // [any]

 private:
  std::shared_ptr<Supervisor> supervisor_;
  std::shared_ptr<Renderer> renderer_;
};

}  // namespace grid
