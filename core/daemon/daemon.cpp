#include "core/daemon/daemon.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <optional>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/daemon/routes.hpp"
#include "core/loop/loop_host.hpp"
#include "core/registry/fatal_signals.hpp"
#include "grid/sdk/fd.hpp"

namespace grid {
namespace {

int refuse(const Error& error, int code) {
  log_line(LogLevel::error, "daemon", error.message + (error.hint.empty() ? "" : " (" + error.hint + ")"));
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "hint: %s\n", error.hint.c_str());
  return code;
}

// One daemon per state folder. The pid in the file is only to be shown; the lock decides.
Result<Fd> lock(const Dirs& dirs) {
  const auto path = dirs.state / "grid.lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd)
    return fail(Code::storage_failed, "cannot open " + path.string() + ": " + errno_text(errno),
                "the state folder must be writable; choose another with GRID_STATE_DIR");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const auto holder = read_file(path);
    return fail(Code::daemon_unavailable,
                fmt::format("another daemon holds {} (pid {})", dirs.state.string(),
                            holder && !holder->empty() ? *holder : "unknown"),
                "stop it first: grid daemon stop");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0)
    return fail(Code::storage_failed, "cannot write " + path.string() + ": " + errno_text(errno),
                "free some space on the disk of the state folder");
  return fd;
}

}  // namespace

int run_daemon(const DaemonOptions& options) {
  const Dirs& dirs = options.dirs;
  ::umask(0077);  // what a task gets is in its spec
  for (const auto& folder : {dirs.state, dirs.runtime, dirs.state / "guards", dirs.state / "simulated"})
    if (auto made = make_private_folder(folder); !made) return refuse(made.error(), 1);
  if (options.log_file.empty())
    log_to_stderr(LogLevel::info);
  else
    log_to_file(options.log_file, LogLevel::info);
  const auto held = lock(dirs);
  if (!held) return refuse(held.error(), exit_code(held.error().code));
  std::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_DUMPABLE, 0);  // it holds people's environments
  install_fatal_signal_handler();
  // Each process that is watched keeps a descriptor; the limit is inherited by nobody, for the shim sets its
  // own.
  raise_descriptor_limit();

  // The configuration names the plugin folders, and the plugins check their part of the configuration: it is
  // read twice.
  const LoadResult unchecked = load_config(options.config, {});
  if (!unchecked.errors.empty()) return refuse(unchecked.error(), 2);
  LoopHost host(unchecked.config.head.file_root);
  RegistryOptions registry_options;
  registry_options.folders = {dirs.plugins()};
  for (const std::string& folder : unchecked.config.plugin_folders)
    registry_options.folders.emplace_back(folder);
  registry_options.marker_folder = dirs.state / "plugins";
  Registry registry(registry_options, host);
  const auto lookup = [&](Kind kind, std::string_view name) -> Result<std::span<const OptionSpec>> {
    const auto descriptor = registry.describe(kind, name);
    if (!descriptor) return fail(descriptor.error());
    return std::span<const OptionSpec>((*descriptor)->options, (*descriptor)->option_count);
  };
  LoadResult loaded = load_config(options.config, lookup);
  if (!loaded.errors.empty()) return refuse(loaded.error(), 2);

  auto store = Store::open(dirs.store());
  if (!store) return refuse(store.error(), 1);
  const std::string head_id = store->head_id();
  Service service(loaded.config, dirs, host, registry, std::move(*store));
  // Jobs of the pool speak of the service: they end before it does, whichever way is taken out of here.
  struct LastJobs {
    LoopHost& host;
    ~LastJobs() { host.finish_work(); }
  } last_jobs{host};
  bool stopping = false;
  const auto stop = [&] {
    if (std::exchange(stopping, true)) return;
    service.stop();
    host.stop();
  };
  Json about{{"schema", "grid/daemon/1"},  {"pid", ::getpid()},
             {"version", options.version}, {"state_dir", dirs.state.string()},
             {"config", loaded.files},     {"started_at", rfc3339(host.now().wall)},
             {"head_id", head_id}};
  // The files are what counts: a node comes from there, never from a request.
  const auto add_node = [&](const std::string& name) -> Result<Json> {
    const LoadResult now = load_config(options.config, lookup);
    if (!now.errors.empty()) return fail(now.error());
    const auto stated = now.config.nodes.find(name);
    if (stated == now.config.nodes.end())
      return fail(Code::not_found, "no file of the configuration names a node '" + name + "'",
                  "the daemon reads: " + fmt::format("{}", fmt::join(now.files, ", ")));
    const auto [known, fresh] = loaded.config.nodes.try_emplace(name, stated->second);
    if (!fresh && !(known->second == stated->second))
      return fail(Code::resource_conflict, "the daemon knows node '" + name + "' as it was before",
                  "restart it to take the change: grid daemon stop (what runs goes on)");
    loaded.config.environments.insert(now.config.environments.begin(), now.config.environments.end());
    auto added = service.add_node(name);
    if (!added && fresh && added.error().code == Code::resource_conflict) loaded.config.nodes.erase(name);
    return added;
  };
  // The answer to the stop must leave first.
  std::unique_ptr<Host::Handle> stop_timer;
  Routes routes(service, host,
                {about, [&] { stop_timer = host.after(std::chrono::milliseconds(20), stop); }, add_node});
  std::unique_ptr<HttpServer> server;
  int code = 0;
  const auto listen = [&] {
    auto made =
        HttpServer::listen(host, dirs.socket(), [&](HttpRequest request, std::shared_ptr<HttpReply> reply) {
          routes.handle(std::move(request), std::move(reply));
        });
    if (!made) {
      code = refuse(made.error(), exit_code(made.error().code));
      return stop();
    }
    server = std::move(*made);
    log_line(LogLevel::info, "daemon",
             fmt::format("ready: pid {}, state in {}", ::getpid(), dirs.state.string()));
  };
  if (auto started = service.start(listen); !started)
    return refuse(started.error(), exit_code(started.error().code));
  host.on_signals({SIGTERM, SIGINT}, [&](int) { stop(); });
  host.run();
  if (server) server->close();
  log_line(LogLevel::info, "daemon", "stopped");
  return code;
}

}  // namespace grid
