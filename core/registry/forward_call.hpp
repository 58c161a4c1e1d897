// Calls of a plugin that answer later: behind the fence, answered exactly once, and never from inside the
// call. [loop]
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/registry/supervisor.hpp"
#include "grid/sdk/transport.hpp"

namespace grid {

// One answer to come.
template <class T>
struct Answer {
  Done<T> done;
  Host& loop;
  bool inside_call = true;

  void give(Result<T> result) {
    auto once = std::exchange(done, nullptr);
    if (!once) return;
    if (!inside_call) {
      const LeftPlugin left;
      once(std::move(result));
      return;
    }
    loop.post([once = std::move(once), held = std::make_shared<Result<T>>(std::move(result))] {
      once(std::move(*held));
    });
  }
};

// Calls `function` with a Done that keeps these promises; what it throws is answered as plugin_fault.
template <class T, class F>
void forward_call(Supervisor& supervisor, const char* call, Done<T> done, F&& function) {
  auto answer = std::make_shared<Answer<T>>(Answer<T>{std::move(done), supervisor.inner_host()});
  const auto called = supervisor.fence(call, [&]() -> Result<> {
    function([answer](Result<T> result) { answer->give(std::move(result)); });
    return {};
  });
  if (!called) answer->give(fail(called.error()));
  answer->inside_call = false;
}

}  // namespace grid
