// Calls over links that come and go: a call that fails with a retryable error is made again, after a growing
// pause, for as long as its owner wants it. [loop]
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "grid/sdk/host.hpp"
#include "grid/sdk/transport.hpp"

namespace grid {

class Retry {
 public:
  static constexpr std::chrono::milliseconds usual{3000};

  // The pause before try number `failures` + 1; `most`: it grows no further.
  [[nodiscard]] static std::chrono::milliseconds pause(std::uint32_t failures,
                                                       std::chrono::milliseconds most = usual) {
    constexpr std::uint32_t most_doublings = 8;
    return std::min(std::chrono::milliseconds(250) * (1U << std::min(failures, most_doublings)), most);
  }

  explicit Retry(Host& host) : host_(host) {}
  Retry(const Retry&) = delete;
  Retry& operator=(const Retry&) = delete;

  // `again` is asked after each retryable error; where it says no, `done` gets that error.
  template <class T>
  void call(std::function<void(Done<T>)> make, std::function<bool(const Error&)> again, Done<T> done) {
    attempt<T>(std::make_shared<Call<T>>(Call<T>{std::move(make), std::move(again), std::move(done), 0}));
  }

  // `what` after the pause that follows so many failures.
  void later(std::uint32_t failures, std::function<void()> what, std::chrono::milliseconds most = usual) {
    const std::uint64_t id = ++last_;
    timers_[id] = host_.after(pause(failures, most), [this, id, what = std::move(what)] {
      const auto own = timers_.extract(id);  // lives until this call returns
      what();
    });
  }

 private:
  template <class T>
  struct Call {
    std::function<void(Done<T>)> make;
    std::function<bool(const Error&)> again;
    Done<T> done;
    std::uint32_t failures = 0;
  };

  template <class T>
  void attempt(std::shared_ptr<Call<T>> call) {
    call->make([this, call](Result<T> result) {
      if (result || !result.error().retryable || !call->again(result.error()))
        return call->done(std::move(result));
      later(call->failures++, [this, call] { attempt<T>(call); });
    });
  }

  Host& host_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Host::Handle>> timers_;
};

}  // namespace grid
