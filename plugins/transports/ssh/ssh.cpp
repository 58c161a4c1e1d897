// The transport to other hosts by plain SSH, with nothing installed there.
#include <array>
#include <set>

#include "connection_checks.hpp"
#include "grid/sdk/run_directory.hpp"
#include "host_keys.hpp"
#include "link.hpp"
#include "wires.hpp"

namespace grid::ssh {
namespace {

constexpr std::array options = {
    OptionSpec{"client",
               OptionType::choice,
               "libssh2",
               "Who speaks SSH: libssh2 inside grid, or the system's ssh, which can do all that its "
               "configuration says.",
               {},
               0,
               0,
               "libssh2|openssh"},
    OptionSpec{"channels", OptionType::integer, "8",
               "At most this many requests at once on a node's connection.", "", 1, 8},
    OptionSpec{"ssh_config", OptionType::text, "",
               "The configuration that addresses are looked up in; empty: ~/.ssh/config and the system's."},
    OptionSpec{"connect_timeout", OptionType::duration, "10s", "How long a host may take to let us in.",
               "seconds", 1, 300},
};

constexpr const char* sample = R"(plugins:
  transport.ssh:
    client: libssh2         # or openssh: the system's ssh, for what libssh2 cannot do
    channels: 8             # requests at once on a node's connection
    ssh_config: ""          # empty: ~/.ssh/config and the system's
    connect_timeout: 10s
)";

class Ssh final : public Transport {
 public:
  explicit Ssh(Host& host) : host_(host), jobs_(host) {}
  ~Ssh() override { Ssh::stop(); }

  Result<> configure(const Options& values) override {
    client_ = values.text("client") == "openssh" ? Client::openssh : Client::libssh2;
    channels_ = static_cast<std::size_t>(values.integer("channels"));
    setup_.ssh_config = values.text("ssh_config");
    connect_timeout_ =
        std::chrono::milliseconds(static_cast<std::int64_t>(values.number("connect_timeout") * 1000));
    return {};
  }
  Result<> start() override { return {}; }
  void stop() noexcept override {
    jobs_.stop();
    for (SshLink* const link : links_) link->stop();
  }
  Result<std::unique_ptr<Link>> open(const NodeAddress& node, RunSink& sink) override {
    if (node.address.empty()) {
      return fail(Code::config_invalid, "node " + node.name + " has no address",
                  "set `address`: an alias of ~/.ssh/config, or user@host");
    }
    if (!node.machine_id.empty() && !run_directory::is_name(node.machine_id))
      return fail(Code::config_invalid, "node " + node.name + ": '" + node.machine_id + "' is no machine id");
    if (!node.directory.empty() && node.directory.front() != '/')
      return fail(Code::config_invalid, "node " + node.name + ": `directory` must be an absolute path");
    NodeSettings settings;
    settings.node = node.name;
    settings.channels = channels_;
    settings.connect_timeout = connect_timeout_;
    settings.machine = expected_machine(node);
    const auto wire = [client = client_, address = node.address, setup = setup_] {
      return make_wire(client, address, setup);
    };
    const auto checks = [client = client_, address = node.address, setup = setup_,
                         limit = connect_timeout_](const Stopping& stopping) {
      return connection_checks(client, address, setup, Clock::now() + 2 * limit, stopping);
    };
    auto link = std::make_unique<Registered>(*this, sink, node, settings, wire, checks);
    return std::unique_ptr<Link>(std::move(link));
  }
  void host_keys(const std::string& address, Done<HostKeys> done) override {
    jobs_.run<HostKeys>(
        [address, setup = setup_, limit = connect_timeout_](const Stopping& stopping) {
          return ssh::host_keys(address, setup, Clock::now() + 2 * limit, stopping);
        },
        std::move(done));
  }
  void trust_host_key(const std::string& address, const HostKey& key, Done<> done) override {
    jobs_.run<void>(
        [address, key, setup = setup_, limit = connect_timeout_](const Stopping& stopping) {
          return ssh::trust_host_key(address, setup, key, Clock::now() + limit, stopping);
        },
        [this, done = std::move(done)](Result<> trusted) {
          for (SshLink* const link : links_) link->try_again();
          done(std::move(trusted));
        });
  }

 private:
  // Known to the transport as long as it lives.
  struct Registered final : SshLink {
    Registered(Ssh& transport, RunSink& sink, const NodeAddress& node, const NodeSettings& settings,
               WireFactory factory, WayChecks checks)
        : SshLink(transport.host_, sink, node, settings, std::move(factory), std::move(checks)),
          transport_(transport) {
      transport_.links_.insert(this);
    }
    ~Registered() override { transport_.links_.erase(this); }
    Ssh& transport_;
  };

  static std::string expected_machine(const NodeAddress& node) {
    if (node.machine_id.empty()) return "any";
    return node.simulated ? "is=" + node.machine_id : node.machine_id;
  }

  Host& host_;
  Jobs jobs_;
  std::set<SshLink*> links_;
  Client client_ = Client::libssh2;
  std::size_t channels_ = 8;
  Setup setup_;
  std::chrono::milliseconds connect_timeout_{10'000};
};

}  // namespace

GRID_PLUGIN(transport, ssh, "1.0.0", "Runs tasks on other hosts over SSH, with nothing installed there.", Ssh,
            options, sample)

}  // namespace grid::ssh
