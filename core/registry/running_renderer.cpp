#include "core/registry/running_renderer.hpp"

#include "core/registry/supervisor.hpp"

namespace grid {

RunningRenderer::RunningRenderer(std::shared_ptr<Supervisor> supervisor, std::shared_ptr<Renderer> renderer)
    : supervisor_(std::move(supervisor)), renderer_(std::move(renderer)) {}

RunningRenderer::~RunningRenderer() { supervisor_->stop(*renderer_); }

Result<std::string> RunningRenderer::render(const View& view) {
  return supervisor_->compute("render", [renderer = renderer_, view, json = std::string(view.json)] {
    View own = view;
    own.json = json;
    return renderer->render(own);
  });
}

PluginStatus RunningRenderer::status() const { return supervisor_->status(); }

}  // namespace grid
