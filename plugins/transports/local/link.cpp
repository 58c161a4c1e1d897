#include "link.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "facts.hpp"
#include "files.hpp"

namespace grid::local {
namespace {

namespace fs = std::filesystem;
namespace rd = run_directory;

constexpr unsigned to_group = 4;  // PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9

Result<> signal_group(const ProcessId& leader, int signal) {
  const Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, leader.pid, 0)));
  const auto facts = rd::process_facts(leader.pid);
  if (!fd || !facts || facts->id != leader || facts->state == 'Z')
    return fail(Code::not_found, "it does not run");
  if (::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, to_group) == 0) return {};
  // An older kernel: the leader was just seen alive, so the number is still its group's.
  if (errno == EINVAL && ::kill(-leader.pid, signal) == 0) return {};
  if (errno == ESRCH) return fail(Code::not_found, "it does not run");
  return fail_errno("signal " + std::to_string(signal), errno);
}

}  // namespace

LocalLink::LocalLink(Home home, RunSink& sink, NodeAddress node)
    : home_(home),
      sink_(sink),
      node_(std::move(node)),
      root_(node_.directory.empty() ? rd::default_root() : fs::path(node_.directory)),
      calls_(home.host) {
  home_.links.insert(this);
}

LocalLink::~LocalLink() {
  stop();
  home_.links.erase(this);
}

void LocalLink::stop() noexcept {
  calls_.stop();
  for (const auto& [key, follower] : followers_) follower->close();
  followers_.clear();
}

Result<fs::path> LocalLink::folder(const Run& run) const { return rd::path_of(root_, run, node_.machine_id); }

template <class T, class Job>
void LocalLink::in_folder(const Run& run, Done<T> done, Job job, std::chrono::milliseconds deadline) {
  calls_.run<T>(
      [folder = folder(run), job = std::move(job)](const Stopping& stopping) -> Result<T> {
        if (!folder) return fail(folder.error());
        return job(*folder, stopping);
      },
      std::move(done), deadline);
}

void LocalLink::identify(Done<Identity> done) {
  calls_.run<Identity>([node = node_](const Stopping&) { return local::identify(node); }, std::move(done));
}

void LocalLink::read(const Needs& needs, Done<Reading> done) {
  const std::string prefix = node_.file_root.empty() ? home_.host.file_root().string() : node_.file_root;
  calls_.run<Reading>(
      [needs, prefix, &host = home_.host](const Stopping&) -> Result<Reading> {
        const auto taken = host.now().monotonic;
        Reading reading = read_needs(needs, prefix);
        reading.taken = taken;
        return reading;
      },
      std::move(done));
}

void LocalLink::probe(const ProbeSpec& spec, Done<ProbeReport> done) {
  calls_.run<ProbeReport>([spec, place = ProbePlace{root_, node_.simulated}](
                              const Stopping& stopping) { return local::probe(spec, place, stopping); },
                          std::move(done));
}

void LocalLink::prepare(const RunSpec& spec, Done<> done) {
  in_folder<void>(spec.run, std::move(done),
                  [root = root_, spec](const fs::path& folder, const Stopping&) -> Result<> {
                    auto claimed = claim(root, folder, spec);
                    if (!claimed) return fail(claimed.error());
                    return {};
                  });
}

void LocalLink::start(const RunSpec& spec, Done<> done) {
  struct Begun {
    std::string cookie;
    pid_t shim = 0;
  };
  in_folder<Begun>(
      spec.run,
      [this, run = spec.run, done](Result<Begun> begun) {
        if (!begun) return done(fail(begun.error()));
        follow(run, begun->cookie, begun->shim, done);
      },
      [root = root_, shim = home_.shim, spec](const fs::path& folder,
                                              const Stopping& stopping) -> Result<Begun> {
        const auto claimed = claim(root, folder, spec);
        if (!claimed) return fail(claimed.error());
        Begun begun{claimed->cookie, 0};
        if (claimed->state == RunState::never_started) {
          const auto spawned = spawn_shim(shim, folder);
          if (spawned) {
            begun.shim = *spawned;
            return begun;
          }
          if (auto shut = look(folder, stopping); !shut) return fail(shut.error());
          return fail(spawned.error());
        }
        const auto found = look(folder, stopping);
        if (!found) return fail(found.error());
        if (found->state == RunState::running || found->state == RunState::finished) return begun;
        return fail(Code::cancelled, "the start gate of " + folder.string() + " was shut before it started");
      });
}

void LocalLink::attach(const Run& run, Done<RunState> done) {
  in_folder<Found>(
      run,
      [this, run, done](Result<Found> found) {
        if (!found) return done(fail(found.error()));
        const bool events = found->state == RunState::running || found->state == RunState::finished;
        done(found->state);
        if (events) follow(run, found->cookie, 0, nullptr);
      },
      [](const fs::path& folder, const Stopping& stopping) { return look(folder, stopping); });
}

void LocalLink::signal(const Run& run, std::uint32_t element, int signal, Done<> done) {
  const auto follower = followers_.find(Key{run.head_id, run.name});
  const auto process = follower == followers_.end() ? std::nullopt : follower->second->process(element);
  calls_.run<void>(
      [process, signal](const Stopping&) -> Result<> {
        if (!process) return fail(Code::not_found, "it does not run");
        return signal_group(*process, signal);
      },
      std::move(done));
}

void LocalLink::cancel(const Run& run, const std::vector<std::uint32_t>& elements, Done<> done) {
  in_folder<void>(run, std::move(done), [elements](const fs::path& folder, const Stopping&) {
    return request_cancel(folder, elements);
  });
}

void LocalLink::read_log(const Run& run, std::uint32_t element, Stream stream, std::uint64_t offset,
                         std::uint64_t max_bytes, Done<LogChunk> done) {
  in_folder<LogChunk>(run, std::move(done),
                      [element, stream, offset, max_bytes](const fs::path& folder, const Stopping&) {
                        return local::read_log(folder, element, stream, offset, max_bytes);
                      });
}

void LocalLink::put(const Run& run, std::vector<FileCopy> files, Progress, Done<> done) {
  in_folder<void>(
      run, std::move(done),
      [files = std::move(files)](const fs::path& folder, const Stopping& stopping) {
        return copy_in(folder / rd::work_folder, files, stopping);
      },
      copy_deadline);
}

void LocalLink::list(const Run& run, Done<std::vector<FileFact>> done) {
  in_folder<std::vector<FileFact>>(
      run, std::move(done),
      [](const fs::path& folder, const Stopping& stopping) {
        return list_files(folder / rd::work_folder, stopping);
      },
      copy_deadline);
}

void LocalLink::get(const Run& run, std::vector<FileCopy> files, Progress, Done<> done) {
  in_folder<void>(
      run, std::move(done),
      [files = std::move(files)](const fs::path& folder, const Stopping& stopping) {
        return copy_out(folder / rd::work_folder, files, stopping);
      },
      copy_deadline);
}

void LocalLink::forget(const Run& run, Done<> done) {
  const bool followed = followers_.contains(Key{run.head_id, run.name});
  in_folder<void>(run, std::move(done),
                  [followed](const fs::path& folder, const Stopping& stopping) -> Result<> {
                    if (followed) return fail(Code::resource_conflict, folder.string() + " has not finished");
                    return remove_run(folder, stopping);
                  });
}

void LocalLink::follow(const Run& run, const std::string& cookie, pid_t shim, Follower::Passed passed) {
  unfollow(run);
  const auto path = folder(run);
  if (!path) return;  // the job that came before made sure
  auto follower =
      std::make_shared<Follower>(home_.host, calls_, home_.journals, sink_,
                                 Follower::Place{run, *path, cookie}, [this, run] { unfollow(run); });
  followers_[Key{run.head_id, run.name}] = follower;
  follower->begin(shim, std::move(passed));
}

void LocalLink::unfollow(const Run& run) {
  const auto found = followers_.find(Key{run.head_id, run.name});
  if (found == followers_.end()) return;
  found->second->close();
  followers_.erase(found);
}

}  // namespace grid::local
