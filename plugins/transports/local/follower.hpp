// Follows one run: reads its journal as it grows, tells the sink, and notices when the shim dies.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "calls.hpp"
#include "directory.hpp"
#include "journals.hpp"

namespace grid::local {

// [loop] Owned by a shared pointer, for it may be dropped from inside a call to the sink; close() ends it.
class Follower : public std::enable_shared_from_this<Follower> {
 public:
  struct Place {
    Run run;
    std::filesystem::path folder;
    std::string cookie;
  };
  // Called once when the shim's first record is there, or with why there will never be one.
  using Passed = std::function<void(Result<>)>;

  // `over` is called right before the last event.
  Follower(Host& host, Calls& calls, Journals& journals, RunSink& sink, Place place,
           std::function<void()> over);
  // `shim`: its pid when it is a child of ours, 0 when it may be anybody's or already gone.
  void begin(pid_t shim, Passed passed);
  void close() noexcept;
  // Of an element that was seen to start and not to end.
  [[nodiscard]] std::optional<ProcessId> process(std::uint32_t element) const;

 private:
  void read();
  void take(const std::vector<run_directory::Record>& records);
  void take_shim(const run_directory::ShimRecord& shim);
  void hold(Fd pidfd);
  void shim_gone();
  void never_passed();
  void end();
  void lose();
  void answer(Result<> result);

  Host& host_;
  Calls& calls_;
  Journals& journals_;
  RunSink& sink_;
  Place place_;
  std::function<void()> over_;
  Passed passed_;
  Fd journal_;
  std::string unread_;  // a line still being written
  std::unique_ptr<Host::Handle> growth_;
  pid_t child_ = 0;
  Fd pidfd_;
  std::unique_ptr<Host::Handle> exit_;
  std::unique_ptr<Host::Handle> retry_;
  std::unique_ptr<Host::Handle> silence_;  // until the first record
  std::map<std::uint32_t, ProcessId> running_;
  bool known_ = false;      // the shim's record was seen
  bool gone_ = false;       // the shim runs no more
  bool this_boot_ = false;  // the run belongs to the present boot
  bool finished_ = false;
  bool closed_ = false;
};

}  // namespace grid::local
