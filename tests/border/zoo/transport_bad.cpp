// Misbehaves in the call that its options name; answers each other call at once and twice, which no transport
// may.
#include "grid/sdk/transport.hpp"
#include "misbehave.hpp"

namespace {

class BadLink final : public grid::Link {
 public:
  explicit BadLink(const zoo::Deeds& deeds) : deeds_(deeds) {}
  void identify(grid::Done<Identity> done) override { answer("identify", std::move(done)); }
  void read(const grid::Needs&, grid::Done<grid::Reading> done) override { answer("read", std::move(done)); }
  void probe(const grid::ProbeSpec&, grid::Done<grid::ProbeReport> done) override {
    answer("probe", std::move(done));
  }
  void prepare(const grid::RunSpec&, grid::Done<> done) override { answer("prepare", std::move(done)); }
  void start(const grid::RunSpec&, grid::Done<> done) override { answer("start", std::move(done)); }
  void attach(const grid::Run&, grid::Done<grid::RunState> done) override {
    answer("attach", std::move(done));
  }
  void signal(const grid::Run&, std::uint32_t, int, grid::Done<> done) override {
    answer("signal", std::move(done));
  }
  void cancel(const grid::Run&, const std::vector<std::uint32_t>&, grid::Done<> done) override {
    answer("cancel", std::move(done));
  }
  void read_log(const grid::Run&, std::uint32_t, grid::Stream, std::uint64_t, std::uint64_t,
                grid::Done<grid::LogChunk> done) override {
    answer("read_log", std::move(done));
  }
  void put(const grid::Run&, std::vector<grid::FileCopy>, grid::Progress, grid::Done<> done) override {
    answer("put", std::move(done));
  }
  void list(const grid::Run&, grid::Done<std::vector<grid::FileFact>> done) override {
    answer("list", std::move(done));
  }
  void get(const grid::Run&, std::vector<grid::FileCopy>, grid::Progress, grid::Done<> done) override {
    answer("get", std::move(done));
  }
  void forget(const grid::Run&, grid::Done<> done) override { answer("forget", std::move(done)); }
  void diagnose(grid::Done<std::vector<grid::Check>> done) override { answer("diagnose", std::move(done)); }

 private:
  template <class T>
  void answer(const char* call, grid::Done<T> done) {
    deeds_.at(call);
    done({});
    done({});
  }
  const zoo::Deeds& deeds_;
};

class Bad final : public grid::Transport {
 public:
  explicit Bad(grid::Host&) {}
  grid::Result<> configure(const grid::Options& options) override {
    deeds_.configure(options);
    return {};
  }
  [[nodiscard]] grid::Result<std::unique_ptr<grid::Link>> open(const grid::NodeAddress&,
                                                               grid::RunSink&) override {
    deeds_.at("open");
    return std::make_unique<BadLink>(deeds_);
  }

 private:
  zoo::Deeds deeds_;
};

}  // namespace

GRID_PLUGIN(transport, bad, "1.0.0", "Misbehaves on request.", Bad, zoo::options, "deed: throws\nin: read\n")
