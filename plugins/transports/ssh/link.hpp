// The link to a node over SSH: every call is a request or two to the shell at the far end.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "facts.hpp"
#include "follower.hpp"
#include "jobs.hpp"
#include "node_thread.hpp"
#include "verbs.hpp"

namespace grid::ssh {

class SshLink : public Link {
 public:
  // What there is to say about the way to the node. Blocks; runs on the pool.
  using WayChecks = std::function<std::vector<Check>(const Stopping&)>;
  // `host` and `sink` outlive it. Nothing is done before the first call.
  SshLink(Host& host, RunSink& sink, NodeAddress node, NodeSettings settings, WireFactory factory,
          WayChecks way_checks);
  ~SshLink() override;
  // After return nothing is answered and no event comes.
  void stop() noexcept;
  // See NodeThread.
  void try_again() override { thread_.forgive(); }

  void identify(Done<Identity> done) override;
  void read(const Needs& needs, Done<Reading> done) override;
  void probe(const ProbeSpec& spec, Done<ProbeReport> done) override;
  void prepare(const RunSpec& spec, Done<> done) override;
  void start(const RunSpec& spec, Done<> done) override;
  void attach(const Run& run, Done<RunState> done) override;
  void signal(const Run& run, std::uint32_t element, int signal, Done<> done) override;
  void cancel(const Run& run, const std::vector<std::uint32_t>& elements, Done<> done) override;
  void read_log(const Run& run, std::uint32_t element, Stream stream, std::uint64_t offset,
                std::uint64_t max_bytes, Done<LogChunk> done) override;
  void put(const Run& run, std::vector<FileCopy> files, Progress progress, Done<> done) override;
  void list(const Run& run, Done<std::vector<FileFact>> done) override;
  void get(const Run& run, std::vector<FileCopy> files, Progress progress, Done<> done) override;
  void forget(const Run& run, Done<> done) override;
  void diagnose(Done<std::vector<Check>> done) override;

 private:
  // Answers `done` later with `error`.
  template <class T>
  void refuse(Error error, Done<T> done);
  // True when `run` can be a run here; else `done` is answered.
  template <class T>
  bool good(const Run& run, const Done<T>& done);
  // The request that claims the directory of `spec`, or why there is none.
  [[nodiscard]] Result<Request> claim(std::string verb, const RunSpec& spec) const;
  void place(Done<Place> done);
  // The run directory's path on the node.
  void folder(const Run& run, Done<std::string> done);
  [[nodiscard]] Error not_running() const;

  Host& host_;
  NodeAddress node_;
  WayChecks way_checks_;
  Jobs jobs_;
  NodeThread thread_;
  Verbs verbs_;
  std::optional<Place> place_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::optional<Follower> follower_;
};

}  // namespace grid::ssh
