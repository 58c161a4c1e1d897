#include "core/registry/supervisor.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "core/registry/library.hpp"

namespace grid {
namespace {

// An initialiser that hangs holds the dynamic linker's lock for ever, and exit() would wait for it when it
// unloads.
void leave_without_unloading() {
  ::on_exit(
      [](int status, void*) {
        std::cout.flush();
        std::fflush(nullptr);
        ::_exit(status);
      },
      nullptr);
}

}  // namespace

Supervisor::Supervisor(PluginFile file, Host& host, std::shared_ptr<CrashMarker> marker,
                       std::chrono::milliseconds deadline)
    : file_(std::move(file)),
      id_(plugin_id(file_.kind, file_.name)),
      inner_host_(host),
      host_(host, *this),
      marker_(std::move(marker)),
      deadline_(deadline) {}

PluginStatus Supervisor::status() const {
  const std::lock_guard lock(mutex_);
  return {file_.kind, file_.name, file_.path, faulted_ ? PluginState::faulted : PluginState::ok,
          reason_,    counters_};
}

Result<const Descriptor*> Supervisor::open() {
  if (faulted_) return fail(fault());
  if (descriptor_ != nullptr) return descriptor_;
  if (auto fits = check_abi(file_); !fits) return fail(fits.error());
  auto opened = compute("static initialisers", [file = file_] { return open_library(file); });
  if (faulted_) leave_without_unloading();
  if (opened) descriptor_ = *opened;
  return opened;
}

Result<std::shared_ptr<Plugin>> Supervisor::make(const Options& options) {
  auto opened = open();
  if (!opened) return fail(opened.error());
  auto made = compute("make", [self = shared_from_this()]() -> Result<std::shared_ptr<Plugin>> {
    Plugin* plugin = self->descriptor_->make(self->host_);
    if (plugin == nullptr) return fail(Code::plugin_fault, self->id_ + " made no instance");
    return std::shared_ptr<Plugin>(plugin, [self](Plugin* unused) { self->destroy(unused); });
  });
  if (!made) return made;
  Values values = options.all();
  values.merge(default_values({descriptor_->options, descriptor_->option_count}));
  const auto configured = compute("configure", [plugin = *made, checked = Options(std::move(values))] {
    return plugin->configure(checked);
  });
  if (!configured) return fail(configured.error());
  return made;
}

void Supervisor::stop(Plugin& plugin) noexcept {
  if (faulted_) return;
  if (!worker_.wait_idle(deadline_)) {
    (void)overran("last call");
    return;
  }
  (void)fence("stop", [&]() -> Result<> {
    plugin.stop();
    return {};
  });
}

void Supervisor::destroy(Plugin* plugin) noexcept {
  if (faulted_) return;  // its abandoned thread may be inside it
  (void)fence("destroy", [&]() -> Result<> {
    descriptor_->destroy(plugin);
    return {};
  });
}

// Also of a faulted plugin: a descriptor that it watches would keep the loop awake if nobody read it.
void Supervisor::callback(const std::function<void()>& call) {
  const auto done = run_fenced("callback", [&]() -> Result<> {
    call();
    return {};
  });
  if (!done) inner_host_.log(LogLevel::error, id_ + ": " + done.error().message);
}

void Supervisor::post_unless_faulted(std::function<void()> call) {
  const std::lock_guard lock(mutex_);  // overran() takes it too: after that, the host may be gone
  if (!faulted_) inner_host_.post(std::move(call));
}

Error Supervisor::fault() const {
  const std::lock_guard lock(mutex_);
  return {Code::plugin_fault, reason_, "correct the plugin; a new process tries it again", id_, false};
}

Error Supervisor::threw(const char* call, std::string_view what) const {
  return {Code::plugin_fault, id_ + " threw in " + call + ": " + std::string(what),
          "this is a defect of the plugin", id_, false};
}

Error Supervisor::overran(const char* call) {
  {
    const std::lock_guard lock(mutex_);
    if (!faulted_) {
      reason_ = id_ + " did not return from " + call + " within " + std::to_string(deadline_.count()) +
                " ms and is set aside";
      ++counters_.calls;
      ++counters_.failures;
    }
    faulted_ = true;
    host_.detach();
    mark_abandoned(computing_);
  }
  worker_.abandon();
  return fault();
}

void Supervisor::count(std::chrono::steady_clock::time_point begin, bool went_well) {
  const std::lock_guard lock(mutex_);
  if (faulted_) return;  // counted when it overran
  ++counters_.calls;
  if (!went_well) ++counters_.failures;
  counters_.last =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  counters_.total += counters_.last;
}

std::chrono::milliseconds Supervisor::one_wait() const {
  return std::max(deadline_ / Patience::waits, std::chrono::milliseconds(1));
}

}  // namespace grid
