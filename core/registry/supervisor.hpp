// What the host keeps about one plugin, and the only way into its code: every call is marked, timed, counted
// and fenced; calls that compute run on the plugin's own thread with a deadline. Shared by the registry and
// all instances. [any], except where it says so.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/registry/crash_marker.hpp"
#include "core/registry/named_host.hpp"
#include "core/registry/plugin_file.hpp"
#include "core/registry/status.hpp"
#include "core/registry/worker.hpp"
#include "grid/sdk/plugin.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

class Supervisor : public std::enable_shared_from_this<Supervisor> {
 public:
  // `host` outlives every call into the plugin, but those that were abandoned. `marker` may be null.
  Supervisor(PluginFile file, Host& host, std::shared_ptr<CrashMarker> marker,
             std::chrono::milliseconds deadline);

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] PluginStatus status() const;

  // Opens the library the first time; then its descriptor. Error: plugin_incompatible, plugin_fault.
  [[nodiscard]] Result<const Descriptor*> open();
  // An instance, made and configured; what `options` leaves out has its default. Its deleter gives it back to
  // the plugin.
  [[nodiscard]] Result<std::shared_ptr<Plugin>> make(const Options& options);
  // [loop] Waits for calls in flight, then stops `plugin`; one that was abandoned is left alone.
  void stop(Plugin& plugin) noexcept;
  // Runs what the plugin asked the host to call later. Nobody can be told of a fault then, so it is logged.
  void callback(const std::function<void()>& call);

  // Runs `function`, which returns a Result, here and now. What it throws becomes a plugin_fault that names
  // `call`. `call` is a literal.
  template <class F>
  std::invoke_result_t<F> fence(const char* call, F&& function);
  // Runs `function` on the plugin's thread and waits for it, up to the deadline. `function` owns all that it
  // uses.
  template <class F>
  std::invoke_result_t<F> compute(const char* call, F function);
  // [loop & started] The same without waiting: `done` comes by Host::post.
  template <class F>
  void compute_async(const char* call, F function, std::function<void(std::invoke_result_t<F>)> done);
  // The real host, for what the host itself does next. [loop]
  [[nodiscard]] Host& inner_host() noexcept { return inner_host_; }

 private:
  // A deadline is counted in waits of our own, not on the clock: a stall of this whole process is no plugin's
  // overrun.
  class Patience {
   public:
    static constexpr int waits = 8;
    // After each wait: whether the plugin has ended no call for a whole deadline.
    [[nodiscard]] bool is_over(std::uint64_t progress) noexcept {
      if (progress != std::exchange(progress_, progress)) left_ = waits;
      return --left_ <= 0;
    }

   private:
    std::uint64_t progress_ = 0;
    int left_ = waits;
  };

  template <class R>
  struct AsyncCall {
    const char* name;
    std::function<R()> function;
    std::function<void(R)> done;
    std::unique_ptr<Host::Handle> timer;
    Patience patience;

    void answer(R result) {
      timer.reset();
      if (auto once = std::exchange(done, nullptr)) once(std::move(result));
    }
  };
  template <class R>
  void watch(const std::shared_ptr<AsyncCall<R>>& call);
  // The fence itself, whether faulted or not.
  template <class F>
  std::invoke_result_t<F> run_fenced(const char* call, F&& function);
  template <class F>
  std::invoke_result_t<F> fence_on_worker(const char* call, F&& function);
  // From the worker: an abandoned one has nobody to answer any more.
  void post_unless_faulted(std::function<void()> call);

  [[nodiscard]] Error fault() const;
  [[nodiscard]] Error threw(const char* call, std::string_view what) const;
  // Marks the plugin faulted and leaves its thread behind.
  [[nodiscard]] Error overran(const char* call);
  void count(std::chrono::steady_clock::time_point begin, bool went_well);
  void destroy(Plugin* plugin) noexcept;
  [[nodiscard]] std::chrono::milliseconds one_wait() const;

  const PluginFile file_;
  const std::string id_;
  Host& inner_host_;
  NamedHost host_;
  const std::shared_ptr<CrashMarker> marker_;
  const std::chrono::milliseconds deadline_;
  const Descriptor* descriptor_ = nullptr;
  std::atomic<bool> faulted_{false};
  std::atomic<EntrySlot*> computing_{nullptr};  // of the call that runs on the worker
  mutable std::mutex mutex_;                    // of the next two
  std::string reason_;                          // why it is faulted
  PluginCounters counters_;
  Worker worker_;
};

template <class F>
std::invoke_result_t<F> Supervisor::fence(const char* call, F&& function) {
  if (faulted_) return fail(fault());
  return run_fenced(call, std::forward<F>(function));
}

template <class F>
std::invoke_result_t<F> Supervisor::run_fenced(const char* call, F&& function) {
  const auto begin = std::chrono::steady_clock::now();
  std::string what = "an exception of an unknown type";
  try {
    const Entered entered(marker_.get(), id_, call);
    auto result = function();
    if (!result && result.error().origin.empty()) result.error().origin = id_;
    count(begin, result.has_value());
    return result;
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {
  }
  count(begin, false);
  return fail(threw(call, what));
}

template <class F>
std::invoke_result_t<F> Supervisor::fence_on_worker(const char* call, F&& function) {
  return fence(call, [&] {
    computing_ = current_entry();
    return function();
  });
}

template <class F>
std::invoke_result_t<F> Supervisor::compute(const char* call, F function) {
  using R = std::invoke_result_t<F>;
  if (faulted_) return fail(fault());
  auto task = std::make_shared<std::packaged_task<R()>>(
      [self = shared_from_this(), call, function = std::move(function)] {
        return self->fence_on_worker(call, function);
      });
  auto answer = task->get_future();
  worker_.submit([task = std::move(task)] { (*task)(); });
  Patience patience;
  while (answer.wait_for(one_wait()) != std::future_status::ready) {
    if (faulted_) return fail(fault());
    if (patience.is_over(worker_.progress())) return fail(overran(call));
  }
  return answer.get();
}

template <class F>
void Supervisor::compute_async(const char* call_name, F function,
                               std::function<void(std::invoke_result_t<F>)> done) {
  using R = std::invoke_result_t<F>;
  auto call = std::make_shared<AsyncCall<R>>();
  call->name = call_name;
  call->function = std::move(function);
  call->done = std::move(done);
  if (faulted_) {
    inner_host_.post([call, error = fault()] { call->answer(fail(error)); });
    return;
  }
  watch(call);
  worker_.submit([self = shared_from_this(), call = std::move(call)]() mutable {
    auto result = std::make_shared<R>(self->fence_on_worker(call->name, call->function));
    // What the call holds is let go on the loop.
    self->post_unless_faulted([call = std::move(call), result] { call->answer(std::move(*result)); });
  });
}

template <class R>
void Supervisor::watch(const std::shared_ptr<AsyncCall<R>>& call) {
  call->timer =
      inner_host_.after(one_wait(), [weak_self = weak_from_this(), weak_call = std::weak_ptr(call)] {
        const auto self = weak_self.lock();
        const auto late = weak_call.lock();
        if (!self || !late || !late->done) return;
        if (self->faulted_)
          late->answer(fail(self->fault()));
        else if (late->patience.is_over(self->worker_.progress()))
          late->answer(fail(self->overran(late->name)));
        else
          self->watch(late);
      });
}

}  // namespace grid
