// The end of the pool of a LoopHost.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>

#include "core/loop/loop_host.hpp"

namespace grid {
namespace {

TEST(LoopHost, FinishWorkDropsJobsThatDidNotBegin) {
  LoopHost host({}, 1);
  std::atomic<bool> began{false};
  std::atomic<bool> second{false};
  host.work([&] {
    began = true;
    while (host.post([] {})) ::usleep(1000);  // until finish_work() has begun
    ::usleep(100'000);
  });
  host.work([&] { second = true; });  // waits for the only thread
  while (!began) ::usleep(1000);
  host.finish_work();
  EXPECT_FALSE(second);
}

}  // namespace
}  // namespace grid
