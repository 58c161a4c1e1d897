// A transport whose nodes can never be reached. Each answer comes by the loop, as the contract asks.
#include <grid/sdk/transport.hpp>

namespace {

class Nowhere final : public grid::Link {
 public:
  explicit Nowhere(grid::Host& host) : host_(host) {}
  void identify(grid::Done<Identity> done) override { refuse(std::move(done)); }
  void read(const grid::Needs&, grid::Done<grid::Reading> done) override { refuse(std::move(done)); }
  void probe(const grid::ProbeSpec&, grid::Done<grid::ProbeReport> done) override { refuse(std::move(done)); }
  void prepare(const grid::RunSpec&, grid::Done<> done) override { refuse(std::move(done)); }
  void start(const grid::RunSpec&, grid::Done<> done) override { refuse(std::move(done)); }
  void attach(const grid::Run&, grid::Done<grid::RunState> done) override { refuse(std::move(done)); }
  void signal(const grid::Run&, std::uint32_t, int, grid::Done<> done) override { refuse(std::move(done)); }
  void cancel(const grid::Run&, const std::vector<std::uint32_t>&, grid::Done<> done) override {
    refuse(std::move(done));
  }
  void read_log(const grid::Run&, std::uint32_t, grid::Stream, std::uint64_t, std::uint64_t,
                grid::Done<grid::LogChunk> done) override {
    refuse(std::move(done));
  }
  void put(const grid::Run&, std::vector<grid::FileCopy>, grid::Progress, grid::Done<> done) override {
    refuse(std::move(done));
  }
  void list(const grid::Run&, grid::Done<std::vector<grid::FileFact>> done) override {
    refuse(std::move(done));
  }
  void get(const grid::Run&, std::vector<grid::FileCopy>, grid::Progress, grid::Done<> done) override {
    refuse(std::move(done));
  }
  void forget(const grid::Run&, grid::Done<> done) override { refuse(std::move(done)); }

 private:
  template <class T>
  void refuse(grid::Done<T> done) {
    host_.post([done = std::move(done)] { done(grid::fail(grid::Code::node_unreachable, "it is nowhere")); });
  }
  grid::Host& host_;
};

class NowhereTransport final : public grid::Transport {
 public:
  explicit NowhereTransport(grid::Host& host) : host_(host) {}
  [[nodiscard]] grid::Result<std::unique_ptr<grid::Link>> open(const grid::NodeAddress&,
                                                               grid::RunSink&) override {
    return std::make_unique<Nowhere>(host_);
  }

 private:
  grid::Host& host_;
};

constexpr std::span<const grid::OptionSpec> options;

}  // namespace

GRID_PLUGIN(transport, nowhere, "1.0.0", "Reaches nothing.", NowhereTransport, options, "{}\n")
