// A link behind the fence: a call that throws is answered plugin_fault, an answer that comes twice counts
// once, and one that comes from inside the call comes from the loop instead. [loop]
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grid/sdk/transport.hpp"

namespace grid {

class Supervisor;

class FencedLink final : public Link {
 public:
  // As Transport::open. The link holds the transport.
  [[nodiscard]] static Result<std::unique_ptr<Link>> open(std::shared_ptr<Supervisor> supervisor,
                                                          std::shared_ptr<Transport> transport,
                                                          const NodeAddress& node, RunSink& sink);
  ~FencedLink() override;

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
  void try_again() override;

 private:
  FencedLink(std::shared_ptr<Supervisor> supervisor, std::shared_ptr<Transport> transport, RunSink& sink);

  std::shared_ptr<Supervisor> supervisor_;
  std::shared_ptr<Transport> transport_;
  std::unique_ptr<RunSink> sink_;  // what the plugin tells its events to
  std::unique_ptr<Link> link_;
};

}  // namespace grid
