#include "core/registry/fenced_link.hpp"

#include "core/registry/forward_call.hpp"

namespace grid {
namespace {

// Events reach the host's sink as the host's own doing: a crash there is not the plugin's.
class HostSink final : public RunSink {
 public:
  explicit HostSink(RunSink& sink) : sink_(sink) {}
  void started(const Run& run, const std::vector<RunStarted>& elements) override {
    const LeftPlugin left;
    sink_.started(run, elements);
  }
  void ended(const Run& run, const std::vector<RunEnded>& elements) override {
    const LeftPlugin left;
    sink_.ended(run, elements);
  }
  void lost(const Run& run, const std::string& why) override {
    const LeftPlugin left;
    sink_.lost(run, why);
  }
  void finished(const Run& run) override {
    const LeftPlugin left;
    sink_.finished(run);
  }

 private:
  RunSink& sink_;
};

// The host's own doing, as the sink's calls are.
Progress outside(Progress progress) {
  if (!progress) return nullptr;
  return [progress = std::move(progress)](std::uint64_t bytes) {
    const LeftPlugin left;
    progress(bytes);
  };
}

}  // namespace

FencedLink::FencedLink(std::shared_ptr<Supervisor> supervisor, std::shared_ptr<Transport> transport,
                       RunSink& sink)
    : supervisor_(std::move(supervisor)),
      transport_(std::move(transport)),
      sink_(std::make_unique<HostSink>(sink)) {}

Result<std::unique_ptr<Link>> FencedLink::open(std::shared_ptr<Supervisor> supervisor,
                                               std::shared_ptr<Transport> transport, const NodeAddress& node,
                                               RunSink& sink) {
  std::unique_ptr<FencedLink> fenced(new FencedLink(std::move(supervisor), std::move(transport), sink));
  auto opened =
      fenced->supervisor_->fence("open", [&] { return fenced->transport_->open(node, *fenced->sink_); });
  if (!opened) return opened;
  if (*opened == nullptr) return fail(Code::plugin_fault, fenced->supervisor_->id() + " opened no link");
  fenced->link_ = std::move(*opened);
  return Result<std::unique_ptr<Link>>(std::move(fenced));
}

FencedLink::~FencedLink() {
  (void)supervisor_->fence("close", [this]() -> Result<> {
    link_.reset();
    return {};
  });
  (void)link_.release();  // of a faulted plugin nothing is destroyed
}

void FencedLink::identify(Done<Identity> done) {
  forward_call<Identity>(*supervisor_, "identify", std::move(done),
                         [&](Done<Identity> once) { link_->identify(std::move(once)); });
}

void FencedLink::read(const Needs& needs, Done<Reading> done) {
  forward_call<Reading>(*supervisor_, "read", std::move(done),
                        [&](Done<Reading> once) { link_->read(needs, std::move(once)); });
}

void FencedLink::probe(const ProbeSpec& spec, Done<ProbeReport> done) {
  forward_call<ProbeReport>(*supervisor_, "probe", std::move(done),
                            [&](Done<ProbeReport> once) { link_->probe(spec, std::move(once)); });
}

void FencedLink::prepare(const RunSpec& spec, Done<> done) {
  forward_call<void>(*supervisor_, "prepare", std::move(done),
                     [&](Done<> once) { link_->prepare(spec, std::move(once)); });
}

void FencedLink::start(const RunSpec& spec, Done<> done) {
  forward_call<void>(*supervisor_, "start of a run", std::move(done),
                     [&](Done<> once) { link_->start(spec, std::move(once)); });
}

void FencedLink::attach(const Run& run, Done<RunState> done) {
  forward_call<RunState>(*supervisor_, "attach", std::move(done),
                         [&](Done<RunState> once) { link_->attach(run, std::move(once)); });
}

void FencedLink::signal(const Run& run, std::uint32_t element, int signal, Done<> done) {
  forward_call<void>(*supervisor_, "signal", std::move(done),
                     [&](Done<> once) { link_->signal(run, element, signal, std::move(once)); });
}

void FencedLink::cancel(const Run& run, const std::vector<std::uint32_t>& elements, Done<> done) {
  forward_call<void>(*supervisor_, "cancel", std::move(done),
                     [&](Done<> once) { link_->cancel(run, elements, std::move(once)); });
}

void FencedLink::read_log(const Run& run, std::uint32_t element, Stream stream, std::uint64_t offset,
                          std::uint64_t max_bytes, Done<LogChunk> done) {
  forward_call<LogChunk>(*supervisor_, "read_log", std::move(done), [&](Done<LogChunk> once) {
    link_->read_log(run, element, stream, offset, max_bytes, std::move(once));
  });
}

void FencedLink::put(const Run& run, std::vector<FileCopy> files, Progress progress, Done<> done) {
  forward_call<void>(*supervisor_, "put", std::move(done), [&](Done<> once) {
    link_->put(run, std::move(files), outside(std::move(progress)), std::move(once));
  });
}

void FencedLink::list(const Run& run, Done<std::vector<FileFact>> done) {
  forward_call<std::vector<FileFact>>(
      *supervisor_, "list", std::move(done),
      [&](Done<std::vector<FileFact>> once) { link_->list(run, std::move(once)); });
}

void FencedLink::get(const Run& run, std::vector<FileCopy> files, Progress progress, Done<> done) {
  forward_call<void>(*supervisor_, "get", std::move(done), [&](Done<> once) {
    link_->get(run, std::move(files), outside(std::move(progress)), std::move(once));
  });
}

void FencedLink::forget(const Run& run, Done<> done) {
  forward_call<void>(*supervisor_, "forget", std::move(done),
                     [&](Done<> once) { link_->forget(run, std::move(once)); });
}

void FencedLink::diagnose(Done<std::vector<Check>> done) {
  forward_call<std::vector<Check>>(*supervisor_, "diagnose", std::move(done),
                                   [&](Done<std::vector<Check>> once) { link_->diagnose(std::move(once)); });
}

void FencedLink::try_again() {
  (void)supervisor_->fence("try_again", [this]() -> Result<> {
    link_->try_again();
    return {};
  });
}

}  // namespace grid
