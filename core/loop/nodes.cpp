// Nodes that open: those of the configuration, and those on demand.
#include "core/loop/nodes.hpp"

#include <algorithm>
#include <utility>

#include "core/base/files.hpp"
#include "core/loop/node_entry.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

// Of this machine. Some containers have none: the host's name must do there.
std::string own_machine_id() {
  for (const char* path : {"/etc/machine-id", "/var/lib/dbus/machine-id"})
    if (const auto text = read_file(path))
      if (const std::string id = text->substr(0, text->find('\n')); !id.empty()) return id;
  return "host-" + node_name_from_host(read_file("/proc/sys/kernel/hostname").value_or("unknown"));
}

Options options_of(const Config& config, const std::string& plugin) {
  const auto found = config.plugins.find(plugin);
  return Options(found == config.plugins.end() ? Values{} : found->second);
}

}  // namespace

Result<> check_address(std::string_view address) {
  constexpr std::size_t longest = 255;
  constexpr std::string_view signs = ".-_@:[]%+~/";
  const auto good = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           signs.find(c) != std::string_view::npos;
  };
  const auto refuse = [&](const std::string& why) -> Result<> {
    return fail(Code::usage, "'" + std::string(address.substr(0, longest)) + "' is no node's address: " + why,
                "addresses look like gpu1, me@10.0.0.11, or me@host:2222; see: grid node list");
  };
  if (address.empty()) return refuse("it is empty");
  if (address.size() > longest) return refuse("it is too long");
  if (!std::all_of(address.begin(), address.end(), good))
    return refuse("only letters, digits and " + std::string(signs) + " may stand in it");
  const std::size_t scheme = address.find("://");
  std::string_view rest = scheme == std::string_view::npos ? address : address.substr(scheme + 3);
  if (rest.find('/') != std::string_view::npos) return refuse("'/' may stand in it only as in ssh://host");
  const std::size_t at = rest.rfind('@');
  if (at == 0) return refuse("there is nothing before the '@'");
  const std::string_view host = at == std::string_view::npos ? rest : rest.substr(at + 1);
  if (host.empty()) return refuse("it names no host");
  // A program that is given it as a word must not take it for an option.
  if (address.front() == '-' || rest.front() == '-' || host.front() == '-')
    return refuse("no part of it may begin with '-'");
  return {};
}

Nodes::Nodes(const Config& config, const Dirs& dirs, Registry& registry, Host& host, RunSink& sink)
    : config_(config), dirs_(dirs), registry_(registry), host_(host), sink_(sink), head_(config.head.name) {
  auto head = std::make_shared<Entry>();
  head->name = head_;
  head->role = Role::head;
  head->accepts_work = config.head.run == HeadConfig::Run::allow;
  head->config.transport = local_transport;
  head->config.run_root = config.run_root;
  head->config.file_root = config.head.file_root;
  head->config.cpus = config.head.cpus;
  head->config.memory_bytes = config.head.memory_bytes;
  entries_[head_] = std::move(head);
  for (const auto& [name, node] : config.nodes) {
    auto entry = std::make_shared<Entry>();
    entry->name = name;
    entry->config = node;
    entries_[name] = std::move(entry);
  }
}

Nodes::~Nodes() = default;

Result<> Nodes::open() {
  for (const std::string& name : config_.metrics)
    if (auto source = source_named(name); !source) return fail(source.error());
  for (auto& [name, entry] : entries_) {
    add_sources(*entry);
    if (auto opened = open_link(entry); !opened && entry->role == Role::head) return opened;
  }
  return {};
}

Result<std::shared_ptr<RunningMetricsSource>> Nodes::source_named(const std::string& name) {
  auto& source = sources_[name];
  if (!source) {
    auto made = registry_.metrics_source(name, options_of(config_, "metrics." + name));
    if (!made) return fail(made.error());
    source = std::move(*made);
  }
  return source;
}

void Nodes::add_sources(Entry& entry) {
  for (const std::string& name : entry.config.metrics.empty() ? config_.metrics : entry.config.metrics) {
    auto source = source_named(name);
    if (source) {
      entry.sources.push_back(std::move(*source));
      continue;
    }
    entry.sample_problem = source.error().message;
    host_.log(LogLevel::error, "node " + entry.name + ": " + source.error().message);
  }
}

Result<std::shared_ptr<RunningTransport>> Nodes::transport_named(const std::string& name) {
  auto& transport = transports_[name];
  if (!transport) {
    auto made = registry_.transport(name, options_of(config_, "transport." + name));
    if (!made) return fail(made.error());
    transport = std::move(*made);
  }
  return transport;
}

std::string Nodes::address_of(const Entry& entry) const {
  const bool here = entry.role == Role::head || entry.config.simulated;
  return entry.config.address.empty() && !here ? entry.name : entry.config.address;
}

// One bad worker does not keep the others from working: what is wrong stays with it.
Result<> Nodes::open_link(const Entries& entry) {
  NodeAddress address;
  address.name = entry->name;
  address.address = address_of(*entry);
  address.simulated = entry->config.simulated;
  address.directory = entry->config.simulated ? entry->config.directory : entry->config.run_root;
  if (entry->role == Role::head) address.machine_id = entry->identity.machine_id = own_machine_id();
  if (entry->config.simulated) {
    address.machine_id = entry->identity.machine_id = simulated_machine_id(entry->name);
    if (address.directory.empty()) address.directory = (dirs_.state / "simulated" / entry->name).string();
  }
  address.file_root = entry->config.file_root;
  const auto open = [&]() -> Result<> {
    const auto transport = transport_named(entry->config.transport);
    if (!transport) return fail(transport.error());
    auto link = (*transport)->open(address, sink_);
    if (!link) return fail(link.error());
    entry->link = std::move(*link);
    return {};
  };
  auto opened = open();
  if (!opened) {
    entry->open_error = opened.error();
    host_.log(LogLevel::error, "node " + entry->name + ": " + opened.error().message);
    return opened;
  }
  identify(entry);
  return {};
}

Result<> Nodes::ensure(const std::string& name) {
  if (known(name)) return {};
  // What could be an alias of the transport's own is only tried where it is no slip.
  if (name.find_first_of("@.:") == std::string::npos) {
    const std::vector<std::string> all = names();
    if (const auto near = nearest(name, all); !near.empty())
      return fail(Code::not_found, "unknown node '" + name + "'; did you mean '" + std::string(near) + "'?",
                  "see: grid node list; if it is another machine: grid node add " + name);
  }
  if (auto good = check_address(name); !good) return good;
  return open_on_demand(name);
}

// Kept only where it could be opened.
Result<> Nodes::open_on_demand(const std::string& name) {
  auto entry = std::make_shared<Entry>();
  entry->name = name;
  entry->on_demand = true;
  entry->config.transport = config_.default_transport;
  add_sources(*entry);
  if (auto opened = open_link(entry); !opened) return opened;
  entries_[name] = entry;
  look(entry);
  return {};
}

Result<> Nodes::add(const std::string& name) {
  const auto stated = config_.nodes.find(name);
  if (stated == config_.nodes.end())
    return fail(Code::not_found, "there is no node '" + name + "' in the configuration",
                "see: grid config show");
  if (const auto found = entries_.find(name); found != entries_.end()) {
    Entry& entry = *found->second;
    NodeConfig config = stated->second;
    if (!entry.on_demand && entry.config == config) return {};
    const bool same = entry.on_demand && config.transport == entry.config.transport &&
                      (config.address.empty() || config.address == name) && config.run_root.empty() &&
                      config.file_root.empty() && config.metrics.empty() && !config.simulated;
    if (!same)
      return fail(Code::resource_conflict, "the daemon knows another node '" + name + "'",
                  "restart it to take the new one: grid daemon stop (what runs goes on)");
    entry.config = std::move(config);
    entry.on_demand = false;
    return {};
  }
  auto entry = std::make_shared<Entry>();
  entry->name = name;
  entry->config = stated->second;
  entries_[name] = entry;
  add_sources(*entry);
  if (auto opened = open_link(entry); !opened) return opened;
  if (!entry->config.simulated) look(entry);
  return {};
}

Link* Nodes::link(const std::string& name) {
  // No slip can have come into history; what is no address was a node of another configuration.
  if (!known(name) && (!check_address(name) || !open_on_demand(name))) return nullptr;
  return entries_.at(name)->link.get();
}

Result<Nodes::Way> Nodes::way_to(const std::string& name) {
  const auto found = entries_.find(name);
  const bool is_known = found != entries_.end();
  if (!is_known)
    if (auto good = check_address(name); !good) return fail(good.error());
  auto transport = transport_named(is_known ? found->second->config.transport : config_.default_transport);
  if (!transport) return fail(transport.error());
  return Way{std::move(*transport), is_known ? address_of(*found->second) : name};
}

void Nodes::host_keys(const std::string& name, Done<HostKeys> done) {
  const auto way = way_to(name);
  if (!way) return done(fail(way.error()));
  way->transport->host_keys(way->address, std::move(done));
}

void Nodes::trust_host_key(const std::string& name, const HostKey& key, Done<> done) {
  const auto way = way_to(name);
  if (!way) return done(fail(way.error()));
  way->transport->trust_host_key(way->address, key, [this, name, done = std::move(done)](Result<> trusted) {
    if (trusted) try_again(name);
    done(std::move(trusted));
  });
}

bool Nodes::simulated(const std::string& name) const {
  const auto found = entries_.find(name);
  return found != entries_.end() && found->second->config.simulated;
}

std::vector<std::string> Nodes::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

std::string Nodes::transport(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? std::string() : found->second->config.transport;
}

void Nodes::tell(const std::string& kind, const std::string& node, const std::string& text) const {
  if (tell_) tell_(kind, node, text);
}

}  // namespace grid
