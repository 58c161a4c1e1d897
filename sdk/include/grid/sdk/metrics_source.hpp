// A metrics source says what it wants read from a node, and turns what was read into figures. It never reads
// by itself.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "grid/sdk/model.hpp"
#include "grid/sdk/plugin.hpp"

namespace grid {

// What to fetch. Paths are absolute on the node; the transport puts the node's file root in front.
struct Needs {
  std::vector<std::string> files;
  std::vector<std::string> globs;  // `*` and `?`, as glob(3)
  std::vector<std::string> urls;   // fetched from the node itself
};

// The raw bytes fetched from one node at one time. What could not be read is absent.
struct Reading {
  std::chrono::milliseconds taken{};  // on a clock that never jumps; only differences mean anything
  std::map<std::string, std::string, std::less<>> content;  // by path or URL
};

class GRID_SDK MetricsSource : public Plugin {
 public:
  ~MetricsSource() override;
  // [any] Constant.
  [[nodiscard]] virtual Needs needs() const = 0;
  // [any, several threads at once] Pure. `before` is the reading before of the same node, or null: rates are
  // then absent. Garbled or missing content leaves fields absent. Error only when nothing at all could be
  // understood.
  [[nodiscard]] virtual Result<Sample> sample(const Reading& now, const Reading* before) const = 0;
};

}  // namespace grid
