// The nodes of the configuration with their links, and what is known of each. It reads and samples; it
// decides nothing. All of it: [loop].
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/dirs.hpp"
#include "core/base/text.hpp"
#include "core/config/config.hpp"
#include "core/registry/registry.hpp"
#include "grid/sdk/transport.hpp"

namespace grid {

class Nodes {
 public:
  // What the grid itself holds on a node, told by whoever starts work there.
  struct Load {
    Resources reserved;
    std::uint32_t running = 0;
  };

  Nodes(const Config& config, const Dirs& dirs, Registry& registry, Host& host, RunSink& sink);
  ~Nodes();

  // Opens the transports and metrics sources that the configuration names. Error: the first that cannot be
  // had.
  Result<> open();
  // read → sample, of all nodes at once; `done` when each has answered or failed. A node's problem is kept,
  // not raised.
  void refresh(std::function<void()> done);
  // The nodes as they are known now, the head first.
  [[nodiscard]] std::vector<Node> view(const std::map<std::string, Load>& load) const;
  [[nodiscard]] std::string problem(const std::string& name) const;
  // Null when there is no such node or its transport cannot be had.
  [[nodiscard]] Link* link(const std::string& name);
  [[nodiscard]] const std::string& head() const { return head_; }
  [[nodiscard]] bool simulated(const std::string& name) const;
  [[nodiscard]] bool known(const std::string& name) const { return entries_.contains(name); }
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] const std::string& boot_id(const std::string& name) const;

 private:
  struct Entry;
  Result<> open_link(Entry& entry);
  void identify(Entry& entry);
  void read(Entry& entry, std::function<void()> done);
  void sample(Entry& entry, std::shared_ptr<const Reading> now, std::function<void()> done);

  const Config& config_;
  const Dirs& dirs_;
  Registry& registry_;
  Host& host_;
  RunSink& sink_;
  std::string head_;
  std::map<std::string, std::shared_ptr<RunningTransport>> transports_;
  std::map<std::string, std::shared_ptr<RunningMetricsSource>> sources_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
};

}  // namespace grid
