#include "apps/grid/context.hpp"

#include <unistd.h>

#include "apps/grid/output.hpp"
#include "core/client/ensure_daemon.hpp"
#include "core/config/load.hpp"
#include "core/loop/loop_host.hpp"
#include "core/registry/registry.hpp"

namespace grid::cli {

Context::Context(Arguments given, const Terminal& found)
    : arguments(std::move(given)), terminal(found), dirs(find_dirs()) {}
Context::~Context() = default;

Result<ApiClient> Context::daemon() {
  DaemonStart start;
  start.may_start = !arguments.has("no-start");
  start.tell = terminal.err_tty;
  if (const auto profile = arguments.text("profile")) start.arguments.push_back("--profile=" + *profile);
  if (const auto file = arguments.text("config"))
    start.arguments.push_back("--config=" + std::filesystem::absolute(*file).string());
  return ensure_daemon(dirs, start);
}

Result<Json> Context::ask(std::string_view method, const std::string& target, const Json& body) {
  auto client = daemon();
  if (!client) return fail(client.error());
  auto answer = method == "GET" ? client->get(target) : client->post(target, body);
  error_details_ = client->details();
  return answer;
}

Result<Json> Context::get_patiently(const std::string& target) {
  constexpr int tries = 5;
  for (int i = 1;; ++i) {
    auto answer = get(target);
    const bool left = !answer && answer.error().code == Code::daemon_unavailable && answer.error().retryable;
    if (!left || i == tries) return answer;
  }
}

LoadRequest Context::load_request() const {
  LoadRequest request = load_request_from_environment();
  if (const auto profile = arguments.text("profile")) request.profile = *profile;
  if (const auto file = arguments.text("config")) request.file = *file;
  return request;
}

Result<const Config*> Context::config() {
  if (!config_) {
    LoadResult loaded = load_config(load_request(), {});
    if (!loaded.errors.empty()) return fail(loaded.error());
    config_ = std::make_unique<Config>(std::move(loaded.config));
  }
  return config_.get();
}

Result<Config> Context::checked_config() {
  if (auto plain = config(); !plain) return fail(plain.error());
  LoadResult loaded = load_config(load_request(), option_lookup());
  if (!loaded.errors.empty()) return fail(loaded.error());
  return std::move(loaded.config);
}

LoopHost& Context::host() {
  if (!host_) host_ = std::make_unique<LoopHost>(config_ ? config_->head.file_root : std::string(), 1);
  return *host_;
}

Registry& Context::registry() {
  if (!registry_) {
    RegistryOptions options;
    options.folders.push_back(dirs.plugins());
    if (config_)
      options.folders.insert(options.folders.end(), config_->plugin_folders.begin(),
                             config_->plugin_folders.end());
    registry_ = std::make_unique<Registry>(std::move(options), host());
  }
  return *registry_;
}

std::function<Result<std::span<const OptionSpec>>(Kind, std::string_view)> Context::option_lookup() {
  return [this](Kind kind, std::string_view name) -> Result<std::span<const OptionSpec>> {
    auto descriptor = registry().describe(kind, name);
    if (!descriptor) return fail(descriptor.error());
    return std::span<const OptionSpec>((*descriptor)->options, (*descriptor)->option_count);
  };
}

Result<std::string> Context::rendered(const Json& object, std::uint32_t columns) {
  return rendered_by(json() ? "json" : "text", object, columns);
}

Result<std::string> Context::rendered_as_text(const Json& object, std::uint32_t columns) {
  return rendered_by("text", object, columns);
}

Result<std::string> Context::rendered_by(std::string_view name, const Json& object, std::uint32_t columns) {
  auto renderer = registry().renderer(name);
  if (!renderer) return fail(renderer.error());
  const std::string text = dump_json(object);
  return (*renderer)->render(View{text, columns, terminal.out_colour, terminal.unicode});
}

Result<> Context::show(const Json& object) {
  auto text = rendered(object, terminal.columns);
  if (!text) return fail(text.error());
  return write_all(STDOUT_FILENO, *text);
}

void Context::say(std::string_view line) const { (void)write_all(STDERR_FILENO, std::string(line) + "\n"); }

}  // namespace grid::cli
