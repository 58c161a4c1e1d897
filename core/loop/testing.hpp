// What the tests of the loop share.
#pragma once

#include "grid/sdk/transport.hpp"

namespace grid {

// For nodes on which nothing is run.
class NoRuns : public RunSink {
 public:
  void started(const Run&, const std::vector<RunStarted>&) override {}
  void ended(const Run&, const std::vector<RunEnded>&) override {}
  void lost(const Run&, const std::string&) override {}
  void finished(const Run&) override {}
};

}  // namespace grid
