#include "core/loop/nodes.hpp"

#include "core/base/files.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace grid {

struct Nodes::Entry {
  std::string name;
  NodeConfig config;
  Role role = Role::worker;
  bool accepts_work = true;
  std::unique_ptr<Link> link;
  Link::Identity identity;
  std::shared_ptr<const Reading> before;
  Sample sample;
  Time sampled{};
  bool has_sample = false;
  std::string problem;
};

namespace {

// Fills what `into` lacks: an earlier source wins.
template <class T>
void fill(std::optional<T>& into, const std::optional<T>& from) {
  if (!into) into = from;
}
template <class T>
void fill(std::vector<T>& into, const std::vector<T>& from) {
  if (into.empty()) into = from;
}

void merge(Sample& into, const Sample& from) {
  fill(into.cpus, from.cpus);
  fill(into.cpu_fraction, from.cpu_fraction);
  fill(into.load1, from.load1);
  fill(into.runnable_threads, from.runnable_threads);
  fill(into.memory_total_bytes, from.memory_total_bytes);
  fill(into.memory_available_bytes, from.memory_available_bytes);
  fill(into.swap_total_bytes, from.swap_total_bytes);
  fill(into.swap_free_bytes, from.swap_free_bytes);
  fill(into.uptime_seconds, from.uptime_seconds);
  fill(into.pressure.cpu_some, from.pressure.cpu_some);
  fill(into.pressure.memory_some, from.pressure.memory_some);
  fill(into.pressure.memory_full, from.pressure.memory_full);
  fill(into.pressure.io_some, from.pressure.io_some);
  fill(into.pressure.io_full, from.pressure.io_full);
  fill(into.disks, from.disks);
  fill(into.nets, from.nets);
  fill(into.gpus, from.gpus);
}

// A made-up machine id that stays the same for a name on this machine, and is no real one.
std::string simulated_machine_id(const std::string& name) { return "simulated-" + name; }

// Of this machine. Some containers have none: the host's name must do there.
std::string own_machine_id() {
  for (const char* path : {"/etc/machine-id", "/var/lib/dbus/machine-id"})
    if (const auto text = read_file(path))
      if (const std::string id = text->substr(0, text->find('\n')); !id.empty()) return id;
  return "host-" + node_name_from_host(read_file("/proc/sys/kernel/hostname").value_or("unknown"));
}

// A simulated worker has the capacity and the foreign load that the configuration gives it, less what runs
// there.
Sample simulated_sample(const NodeConfig& config, const Nodes::Load& load) {
  Sample sample;
  const double cpus = config.cpus.value_or(0);
  sample.cpus = static_cast<std::uint32_t>(cpus);
  const double own = cpus > 0 ? std::min(1.0, load.reserved.cpus / cpus) : 0;
  sample.cpu_fraction = std::min(1.0, config.cpu_fraction + own);
  sample.memory_total_bytes = config.memory_bytes.value_or(0);
  sample.memory_available_bytes =
      *sample.memory_total_bytes - std::min(*sample.memory_total_bytes, load.reserved.memory_bytes);
  return sample;
}

}  // namespace

Nodes::Nodes(const Config& config, const Dirs& dirs, Registry& registry, Host& host, RunSink& sink)
    : config_(config), dirs_(dirs), registry_(registry), host_(host), sink_(sink), head_(config.head.name) {
  auto head = std::make_unique<Entry>();
  head->name = head_;
  head->role = Role::head;
  head->accepts_work = config.head.run == HeadConfig::Run::allow;
  head->config.transport = "local";
  head->config.run_root = config.run_root;
  head->config.file_root = config.head.file_root;
  entries_[head_] = std::move(head);
  for (const auto& [name, node] : config.nodes) {
    auto entry = std::make_unique<Entry>();
    entry->name = name;
    entry->config = node;
    entries_[name] = std::move(entry);
  }
}

Nodes::~Nodes() = default;

Result<> Nodes::open() {
  for (const std::string& name : config_.metrics) {
    const auto options = config_.plugins.find("metrics." + name);
    auto source = registry_.metrics_source(
        name, Options(options == config_.plugins.end() ? Values{} : options->second));
    if (!source) return fail(source.error());
    sources_[name] = std::move(*source);
  }
  for (auto& [name, entry] : entries_)
    if (auto opened = open_link(*entry); !opened) {
      if (entry->role == Role::head) return opened;
      entry->problem = opened.error().message;  // one bad worker does not keep the others from working
      host_.log(LogLevel::error, "node " + name + ": " + opened.error().message);
    }
  return {};
}

Result<> Nodes::open_link(Entry& entry) {
  auto& transport = transports_[entry.config.transport];
  if (!transport) {
    const auto options = config_.plugins.find("transport." + entry.config.transport);
    auto made = registry_.transport(entry.config.transport,
                                    Options(options == config_.plugins.end() ? Values{} : options->second));
    if (!made) return fail(made.error());
    transport = std::move(*made);
  }
  NodeAddress address;
  address.name = entry.name;
  address.address = entry.config.address;
  address.simulated = entry.config.simulated;
  address.directory = entry.config.simulated ? entry.config.directory : entry.config.run_root;
  if (entry.role == Role::head) address.machine_id = entry.identity.machine_id = own_machine_id();
  if (entry.config.simulated) {
    address.machine_id = simulated_machine_id(entry.name);
    if (address.directory.empty()) address.directory = (dirs_.state / "simulated" / entry.name).string();
  }
  address.file_root = entry.config.file_root;
  auto link = transport->open(address, sink_);
  if (!link) return fail(link.error());
  entry.link = std::move(*link);
  identify(entry);
  return {};
}

void Nodes::identify(Entry& entry) {
  entry.link->identify([&entry](Result<Link::Identity> identity) {
    if (identity)
      entry.identity = std::move(*identity);
    else
      entry.problem = identity.error().message;
  });
}

void Nodes::refresh(std::function<void()> done) {
  auto left = std::make_shared<std::size_t>(1);
  const auto one_done = [left, done = std::move(done)] {
    if (--*left == 0) done();
  };
  for (auto& [name, entry] : entries_) {
    if (entry->link == nullptr || entry->config.simulated) continue;
    ++*left;
    read(*entry, one_done);
  }
  host_.post(one_done);
}

void Nodes::read(Entry& entry, std::function<void()> done) {
  Needs needs;
  for (const auto& [name, source] : sources_) {
    const auto wanted = source->needs();
    if (!wanted) continue;
    needs.files.insert(needs.files.end(), wanted->files.begin(), wanted->files.end());
    needs.globs.insert(needs.globs.end(), wanted->globs.begin(), wanted->globs.end());
    needs.urls.insert(needs.urls.end(), wanted->urls.begin(), wanted->urls.end());
  }
  entry.link->read(needs, [this, &entry, done = std::move(done)](Result<Reading> reading) {
    if (!reading) {
      entry.problem = reading.error().message;
      return done();
    }
    sample(entry, std::make_shared<const Reading>(std::move(*reading)), done);
  });
}

void Nodes::sample(Entry& entry, std::shared_ptr<const Reading> now, std::function<void()> done) {
  struct Gathering {
    std::size_t left = 0;
    Sample merged;
    std::string problem;
  };
  auto gathering = std::make_shared<Gathering>();
  gathering->left = sources_.size();
  if (sources_.empty()) return done();
  for (const auto& [name, source] : sources_) {
    source->sample_async(now, entry.before, [this, &entry, now, gathering, done](Result<Sample> sample) {
      if (sample)
        merge(gathering->merged, *sample);
      else
        gathering->problem = sample.error().message;
      if (--gathering->left > 0) return;
      entry.before = now;
      entry.sample = std::move(gathering->merged);
      entry.sampled = host_.now();
      entry.has_sample = true;
      entry.problem = gathering->problem;
      done();
    });
  }
}

std::vector<Node> Nodes::view(const std::map<std::string, Load>& load) const {
  std::vector<Node> nodes;
  const Time now = host_.now();
  for (const auto& [name, entry] : entries_) {
    Node node;
    node.name = name;
    node.machine_id = entry->config.simulated ? simulated_machine_id(name) : entry->identity.machine_id;
    node.role = entry->role;
    node.simulated = entry->config.simulated;
    node.accepts_work = entry->accepts_work;
    node.transport = entry->config.transport;
    node.labels = entry->config.labels;
    Load own;
    if (const auto found = load.find(name); found != load.end()) own = found->second;
    node.reserved = own.reserved;
    node.running = own.running;
    if (node.simulated) {
      node.state = entry->link != nullptr ? NodeState::alive : NodeState::unknown;
      node.sample = simulated_sample(entry->config, own);
      node.own_cpu_fraction = *node.sample.cpu_fraction - std::min(1.0, entry->config.cpu_fraction);
      node.sample_age_seconds = 0;
    } else {
      node.state = entry->has_sample ? NodeState::alive : NodeState::unknown;
      node.sample = entry->sample;
      if (entry->has_sample)
        node.sample_age_seconds =
            std::chrono::duration<double>(now.monotonic - entry->sampled.monotonic).count();
      if (entry->role == Role::head) {
        if (config_.head.cpus) node.sample.cpus = static_cast<std::uint32_t>(*config_.head.cpus);
        if (config_.head.memory_bytes) node.sample.memory_total_bytes = *config_.head.memory_bytes;
      }
    }
    if (node.role == Role::head)
      nodes.insert(nodes.begin(), std::move(node));
    else
      nodes.push_back(std::move(node));
  }
  return nodes;
}

std::string Nodes::problem(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? std::string() : found->second->problem;
}

Link* Nodes::link(const std::string& name) {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second->link.get();
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

const std::string& Nodes::boot_id(const std::string& name) const {
  return entries_.at(name)->identity.boot_id;
}

}  // namespace grid
