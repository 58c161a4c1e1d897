// The link to a node of this machine: the head, or a simulated worker.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "follower.hpp"

namespace grid::local {

class LocalLink final : public Link {
 public:
  // What the transport gives to each of its links; it outlives them.
  struct Home {
    Host& host;
    Journals& journals;
    std::set<LocalLink*>& links;  // the living ones
    const std::filesystem::path& shim;
  };
  LocalLink(Home home, RunSink& sink, NodeAddress node);
  ~LocalLink() override;
  // After return nothing is answered and no event comes.
  void stop() noexcept;

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

 private:
  using Key = std::pair<std::string, std::string>;  // head id, name

  // The folder of `run` as a job's first step: an error there is answered like any other.
  [[nodiscard]] Result<std::filesystem::path> folder(const Run& run) const;
  // Runs `job(folder, stopping)` as a call.
  template <class T, class Job>
  void in_folder(const Run& run, Done<T> done, Job job, std::chrono::milliseconds deadline = usual_deadline);
  void follow(const Run& run, const std::string& cookie, pid_t shim, Follower::Passed passed);
  void unfollow(const Run& run);

  Home home_;
  RunSink& sink_;
  NodeAddress node_;
  std::filesystem::path root_;
  Calls calls_;
  std::map<Key, std::shared_ptr<Follower>> followers_;
};

}  // namespace grid::local
