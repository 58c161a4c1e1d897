// A transport to made-up machines that really run tasks: the local one, behind a link that can be cut. A
// node's address is a folder, and files there say how it behaves.
//
// Its CPUs are at rest.
//
//   cut           while it exists, every call fails at once as one that may go through later, and no event
//   comes lose_start    the next start is carried out, and its answer is lost; the file goes denied "code
//   text": every call fails so, and will always hides         a folder of this machine that is not there path
//   PATH there (default: /usr/bin:/bin) home, run     HOME there, and the run root calls         written: a
//   line for each call
#include <dlfcn.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "plugins/transports/local/link.hpp"

namespace grid::local {
namespace {

namespace fs = std::filesystem;

std::string line_of(const fs::path& file, const std::string& otherwise) {
  std::ifstream in(file);
  std::string line;
  return std::getline(in, line) ? line : otherwise;
}

// Holds events back while the link is cut.
class CutSink final : public RunSink {
 public:
  CutSink(Host& host, RunSink& to, fs::path cut) : host_(host), to_(to), cut_(std::move(cut)) {}
  void started(const Run& run, const std::vector<RunStarted>& elements) override {
    pass([=, this] { to_.started(run, elements); });
  }
  void ended(const Run& run, const std::vector<RunEnded>& elements) override {
    pass([=, this] { to_.ended(run, elements); });
  }
  void lost(const Run& run, const std::string& why) override {
    pass([=, this] { to_.lost(run, why); });
  }
  void finished(const Run& run) override {
    pass([=, this] { to_.finished(run); });
  }

 private:
  void pass(std::function<void()> event) {
    waiting_.push_back(std::move(event));
    flush();
  }
  void flush() {
    if (waiting_.empty()) return;
    if (fs::exists(cut_)) {
      timer_ = host_.after(std::chrono::milliseconds(20), [this] {
        const auto own = std::move(timer_);
        flush();
      });
      return;
    }
    for (const auto& event : std::exchange(waiting_, {})) event();
  }

  Host& host_;
  RunSink& to_;
  fs::path cut_;
  std::vector<std::function<void()>> waiting_;
  std::unique_ptr<Host::Handle> timer_;
};

class AwayLink final : public Link {
 public:
  AwayLink(LocalLink::Home home, Host& host, RunSink& sink, const NodeAddress& node)
      : host_(host), folder_(node.address), sink_(host, sink, folder_ / "cut") {
    NodeAddress local = node;
    local.machine_id = "away-" + folder_.filename().string();
    local.simulated = true;
    local.directory = (folder_ / "run").string();
    link_ = std::make_unique<LocalLink>(home, sink_, local);
  }

  void identify(Done<Identity> done) override {
    through<Identity>("identify", std::move(done), [&](auto d) { link_->identify(std::move(d)); });
  }
  void read(const Needs& needs, Done<Reading> done) override {
    through<Reading>("read", std::move(done), [&](Done<Reading> d) {
      link_->read(needs, [d = std::move(d)](Result<Reading> reading) {
        if (reading) make_idle(*reading);
        d(std::move(reading));
      });
    });
  }
  void probe(const ProbeSpec& spec, Done<ProbeReport> done) override {
    ProbeSpec here = spec;
    const std::string hidden = line_of(folder_ / "hides", "");
    std::vector<std::string> missing;
    std::erase_if(here.folders, [&](const std::string& path) {
      const bool gone = !hidden.empty() && path.starts_with(hidden);
      if (gone) missing.push_back(path);
      return gone;
    });
    fill_in(here.environment, here.inherit);
    through<ProbeReport>("probe", std::move(done), [&](Done<ProbeReport> d) {
      link_->probe(here, [d = std::move(d), missing](Result<ProbeReport> report) {
        if (report)
          report->missing_folders.insert(report->missing_folders.end(), missing.begin(), missing.end());
        d(std::move(report));
      });
    });
  }
  void prepare(const RunSpec& spec, Done<> done) override {
    through<void>("prepare", std::move(done), [&](auto d) { link_->prepare(there(spec), std::move(d)); });
  }
  void start(const RunSpec& spec, Done<> done) override {
    through<void>("start", std::move(done), [&](Done<> d) {
      link_->start(there(spec), [this, d = std::move(d)](Result<> started) {
        if (fs::remove(folder_ / "lose_start"))
          return d(fail(Code::timed_out, "no answer to the start in time", {}, true));
        d(std::move(started));
      });
    });
  }
  void attach(const Run& run, Done<RunState> done) override {
    through<RunState>("attach", std::move(done), [&](auto d) { link_->attach(run, std::move(d)); });
  }
  void signal(const Run& run, std::uint32_t element, int signal, Done<> done) override {
    through<void>("signal", std::move(done),
                  [&](auto d) { link_->signal(run, element, signal, std::move(d)); });
  }
  void cancel(const Run& run, const std::vector<std::uint32_t>& elements, Done<> done) override {
    through<void>("cancel", std::move(done), [&](auto d) { link_->cancel(run, elements, std::move(d)); });
  }
  void read_log(const Run& run, std::uint32_t element, Stream stream, std::uint64_t offset,
                std::uint64_t max_bytes, Done<LogChunk> done) override {
    through<LogChunk>("read_log", std::move(done), [&](auto d) {
      link_->read_log(run, element, stream, offset, max_bytes, std::move(d));
    });
  }
  void put(const Run& run, std::vector<FileCopy> files, Progress progress, Done<> done) override {
    through<void>("put", std::move(done),
                  [&](auto d) { link_->put(run, std::move(files), std::move(progress), std::move(d)); });
  }
  void list(const Run& run, Done<std::vector<FileFact>> done) override {
    through<std::vector<FileFact>>("list", std::move(done), [&](auto d) { link_->list(run, std::move(d)); });
  }
  void get(const Run& run, std::vector<FileCopy> files, Progress progress, Done<> done) override {
    through<void>("get", std::move(done),
                  [&](auto d) { link_->get(run, std::move(files), std::move(progress), std::move(d)); });
  }
  void forget(const Run& run, Done<> done) override {
    through<void>("forget", std::move(done), [&](auto d) { link_->forget(run, std::move(d)); });
  }

 private:
  // Four CPUs at rest, whatever else this machine has to do.
  static void make_idle(Reading& reading) {
    const auto stat = reading.content.find("/proc/stat");
    if (stat == reading.content.end()) return;
    const auto idle = reading.taken.count() / 10;
    stat->second = "cpu  100 0 100 " + std::to_string(4 * idle) + " 0 0 0 0 0 0\n";
    for (int cpu = 0; cpu < 4; ++cpu)
      stat->second += "cpu" + std::to_string(cpu) + " 25 0 25 " + std::to_string(idle) + " 0 0 0 0 0 0\n";
    reading.content["/proc/loadavg"] = "0.10 0.10 0.10 1/100 1000\n";
  }

  template <class T>
  void through(const char* name, Done<T> done, const std::function<void(Done<T>)>& call) {
    std::ofstream(folder_ / "calls", std::ios::app) << name << '\n';
    if (const std::string why = line_of(folder_ / "denied", ""); !why.empty()) {
      const std::size_t blank = why.find(' ');
      host_.post([done, why, blank] {
        done(fail(code_from_string(why.substr(0, blank)), why.substr(blank + 1), "mend it"));
      });
    } else if (fs::exists(folder_ / "cut")) {
      host_.post([done] { done(fail(Code::node_unreachable, "the link is cut", {}, true)); });
    } else {
      call(std::move(done));
    }
  }

  void fill_in(std::vector<std::string>& environment, std::vector<std::string>& inherit) const {
    const std::map<std::string, std::string> own{{"PATH", line_of(folder_ / "path", "/usr/bin:/bin")},
                                                 {"HOME", (folder_ / "home").string()},
                                                 {"USER", folder_.filename().string()}};
    for (const std::string& name : inherit)
      if (const auto found = own.find(name); found != own.end())
        environment.push_back(name + "=" + found->second);
    inherit.clear();
  }
  [[nodiscard]] RunSpec there(RunSpec spec) const {
    fill_in(spec.task.environment, spec.task.inherit);
    return spec;
  }

  Host& host_;
  fs::path folder_;
  CutSink sink_;
  std::unique_ptr<LocalLink> link_;
};

// build/tests/plugins/<this> → build/lib/grid/grid-shim
fs::path built_shim() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&built_shim), &info) == 0) return {};
  return fs::absolute(info.dli_fname).parent_path().parent_path().parent_path() / "lib/grid/grid-shim";
}

class Away final : public Transport {
 public:
  explicit Away(Host& host) : host_(host), journals_(host), shim_(built_shim()) {}
  ~Away() override { Away::stop(); }
  Result<> start() override { return journals_.start(); }
  void stop() noexcept override {
    for (LocalLink* const link : links_) link->stop();
    journals_.stop();
  }
  Result<std::unique_ptr<Link>> open(const NodeAddress& node, RunSink& sink) override {
    if (!fs::is_directory(node.address))
      return fail(Code::node_unreachable, "there is no machine " + node.address);
    return std::make_unique<AwayLink>(LocalLink::Home{host_, journals_, links_, shim_}, host_, sink, node);
  }

 private:
  Host& host_;
  Journals journals_;
  std::set<LocalLink*> links_;
  fs::path shim_;
};

constexpr std::span<const OptionSpec> no_options;

}  // namespace

GRID_PLUGIN(transport, away, "1.0.0", "Runs tasks on made-up machines.", Away, no_options, "{}\n")

}  // namespace grid::local
