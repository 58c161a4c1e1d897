// The nodes with their links, and what is known of each: those of the configuration, and those that only a
// command named. It reads and samples; it decides nothing. All of it: [loop].
//
// A link may come and go. A node that fails or is slow holds up nobody: of one node there is never more than
// one read under way, and a turn goes on with what has answered in time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
  // Something of a node that history should know: "node_rebooted", "node_unreachable", "node_back", …
  using Tell = std::function<void(const std::string& kind, const std::string& node, const std::string& text)>;

  Nodes(const Config& config, const Dirs& dirs, Registry& registry, Host& host, RunSink& sink);
  ~Nodes();
  // Before open(). `news`: a node answered for the first time, or again.
  void on_tell(Tell tell) { tell_ = std::move(tell); }
  void on_news(std::function<void()> news) { news_ = std::move(news); }

  // Opens the transports and metrics sources that the configuration names. Error: the first of the head's
  // that cannot be had.
  Result<> open();
  // read → sample, of all nodes at once; `done` when the head has answered or failed, and so has each other
  // node that answered promptly the last time, but for these no later than after a second. A node's problem
  // is kept, not raised.
  void refresh(std::function<void()> done);

  // A node by this name from now on: one that is known, or one on demand, reached at the address `name` by
  // the default transport. Errors: not_found for a slip of a known name; usage for what is no address; the
  // transport's own.
  Result<> ensure(const std::string& name);
  // It has been asked who it is and how it is since it was opened, and has answered both or failed: from then
  // on it is alive or there is trouble().
  [[nodiscard]] bool looked_at(const std::string& name) const;
  // Why it takes no work now, whoever asks for it: policy_denied where it never will (it is the head itself,
  // or the same machine as another node), else why it does not answer. Nothing: it can, or nobody has looked
  // yet.
  [[nodiscard]] std::optional<Error> trouble(const std::string& name) const;
  // Somebody asks for it, or has just mended something: what is known against it counts no more, and it is
  // looked at anew.
  void try_again(const std::string& name);
  // A node that has just come into the configuration. Error: resource_conflict, the name is taken by a node
  // that differs.
  Result<> add(const std::string& name);

  // The nodes as they are known now, the head first.
  [[nodiscard]] std::vector<Node> view(const std::map<std::string, Load>& load) const;
  [[nodiscard]] std::string problem(const std::string& name) const;
  // Opens a node on demand for a name that is not known: history may name nodes that the configuration does
  // not. Null when its transport cannot be had.
  [[nodiscard]] Link* link(const std::string& name);
  // Of a node, or of an address of the default transport. As Transport's; after a key was trusted the node
  // is looked at again.
  void host_keys(const std::string& name, Done<HostKeys> done);
  void trust_host_key(const std::string& name, const HostKey& key, Done<> done);

  [[nodiscard]] const std::string& head() const { return head_; }
  [[nodiscard]] bool simulated(const std::string& name) const;
  [[nodiscard]] bool known(const std::string& name) const { return entries_.contains(name); }
  [[nodiscard]] std::vector<std::string> names() const;
  // What it is reached by; empty for a name that is not known.
  [[nodiscard]] std::string transport(const std::string& name) const;

 private:
  struct Entry;
  struct Turn;
  using Entries = std::shared_ptr<Entry>;

  struct Way {
    std::shared_ptr<RunningTransport> transport;
    std::string address;
  };

  void add_sources(Entry& entry);
  Result<> open_on_demand(const std::string& name);
  Result<Way> way_to(const std::string& name);
  Result<> open_link(const Entries& entry);
  Result<std::shared_ptr<RunningTransport>> transport_named(const std::string& name);
  Result<std::shared_ptr<RunningMetricsSource>> source_named(const std::string& name);
  [[nodiscard]] std::string address_of(const Entry& entry) const;
  void look(const Entries& entry);
  void identify(const Entries& entry);
  void read(const Entries& entry, std::function<void()> done);
  void sample(const Entries& entry, std::shared_ptr<const Reading> now, std::function<void()> done);
  void failed(Entry& entry, const Error& error);
  void answered(const Entries& entry);
  [[nodiscard]] std::optional<Error> excluded(const Entry& entry) const;
  [[nodiscard]] std::optional<Error> silent(const Entry& entry) const;
  [[nodiscard]] NodeState state(const Entry& entry) const;
  [[nodiscard]] double age_seconds(const Entry& entry) const;
  void tell(const std::string& kind, const std::string& node, const std::string& text) const;

  const Config& config_;
  const Dirs& dirs_;
  Registry& registry_;
  Host& host_;
  RunSink& sink_;
  Tell tell_;
  std::function<void()> news_;
  std::string head_;
  std::map<std::string, std::shared_ptr<RunningTransport>> transports_;
  std::map<std::string, std::shared_ptr<RunningMetricsSource>> sources_;
  std::map<std::string, Entries> entries_;
};

// [any] "user@host", "host:port", "[::1]", "ssh://host": what an address on a command line may look like.
// Nothing that a shell or a program's options could take for something else. Error: usage.
[[nodiscard]] Result<> check_address(std::string_view address);

}  // namespace grid
