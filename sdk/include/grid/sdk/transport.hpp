// A transport reaches nodes. It opens links; a link reads, runs, signals, streams and moves files on one
// node.
//
// Every call returns at once. Its outcome comes by the callback it was given, exactly once, on the loop,
// never from inside the call. Every call has a deadline of the transport's own, after which it answers
// `timed_out`. What happens to a run comes by the sink. Calls are idempotent by (head, execution, attempt).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grid/sdk/metrics_source.hpp"
#include "grid/sdk/plugin.hpp"
#include "grid/sdk/task.hpp"

namespace grid {

// A node as the configuration names it.
struct NodeAddress {
  std::string name;
  std::string address;     // the transport's own syntax; empty for the local one
  std::string machine_id;  // what the link must find; for a simulated worker a made-up one
  bool simulated = false;
  std::string directory;  // run root on the node; empty: the transport's default, /var/tmp/grid-<uid>
  std::string file_root;  // prefix for readings; empty: none
};

// One start: one task, run once or, for an array, once per element, `slots` at a time, in one run directory
// <run root>/<head id>/<machine id>/<name>.
struct Run {
  std::string head_id;
  std::string name;  // <execution>.<attempt>, or <array>.b<N>
};

struct RunElement {
  std::uint32_t element = 0;
  std::uint32_t attempt = 1;
};

struct RunSpec {
  Run run;
  std::string nonce;      // who may complete a directory without a gate
  std::string execution;  // for the task's environment: GRID_EXECUTION=<execution>[.<element>], GRID_ATTEMPT
  bool array = false;
  std::vector<RunElement> elements;
  std::uint32_t slots = 1;
  Task task;
  bool work_folder =
      false;  // run in <run directory>/work, which put() filled; task.cwd says where that was on the head
};

struct RunStarted {
  std::uint32_t element = 0;
  std::uint32_t attempt = 1;
  ProcessId process;
};

struct RunEnded {
  std::uint32_t element = 0;
  std::uint32_t attempt = 1;
  Ending ending;
};

// Implemented by the core; called on the loop.
class GRID_SDK RunSink {
 public:
  virtual ~RunSink();
  // In order of the journal; each started and each ended at most once per element and attach.
  virtual void started(const Run& run, const std::vector<RunStarted>& elements) = 0;
  virtual void ended(const Run& run, const std::vector<RunEnded>& elements) = 0;
  // The shim is gone without having said how some elements ended; nothing of them is left running. Last event
  // of a run.
  virtual void lost(const Run& run, const std::string& why) = 0;
  // All elements have ended and the shim has left. Last event of a run.
  virtual void finished(const Run& run) = 0;
};

enum class RunState { absent, never_started, running, finished };

enum class Stream { out, err };
struct LogChunk {
  std::string bytes;
  std::uint64_t offset = 0;  // of the first byte
  std::uint64_t size = 0;    // of the stream now
  bool final = false;        // the element has ended: size will not grow
};

// What a task of some kind needs to find on a node: `environments` of the configuration, as it holds there.
struct EnvironmentSetup {
  std::string name;
  std::vector<std::string> require;    // programs that must be found afterwards
  std::vector<std::string> variables;  // "NAME=value"
  std::vector<std::string> path;       // put before PATH; ~/ is the home there
  std::vector<std::string> source;  // POSIX shell files, read in order where they exist; ~/ is the home there
};

struct ProbeSpec {
  std::vector<std::string> programs;     // to be found in PATH as the task will have it, or by absolute path
  std::vector<std::string> environment;  // as Task::environment and Task::inherit
  std::vector<std::string> inherit;
  std::optional<EnvironmentSetup> setup;
  std::vector<std::string> folders;  // that must exist and be enterable
  std::string marker;                // a file on the head: is it the same file there? Empty: not asked
};
struct ProbeReport {
  std::string user;
  std::string path_before;                  // PATH before `setup`; the same without one
  std::string path;                         // PATH searched
  std::vector<std::string> found;           // by program, in order; empty where not found
  std::vector<std::string> found_required;  // by EnvironmentSetup::require, likewise
  // "NAME=value": what `setup` made different. The task needs these, too.
  std::vector<std::string> environment;
  std::vector<std::string> sourced;  // entries of EnvironmentSetup::source that exist, as files there
  std::vector<std::string> missing_folders;
  bool marker_seen = false;      // source and target share that folder
  std::uint64_t free_bytes = 0;  // in the run root
};

struct FileFact {
  std::string path;  // relative to the work folder
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::uint32_t mode = 0;  // permission bits
  bool symlink = false;
  std::string sha256;  // empty: not computed
};
struct FileCopy {
  std::string from;  // put: absolute on the head; get: relative to the work folder
  std::string to;    // the other one
};

// Of a copy that goes on, at most a few times a second, on the loop: bytes copied so far.
using Progress = std::function<void(std::uint64_t bytes_done)>;

// One line of `grid doctor`: what was looked at, how it is, and what to do about it.
struct Check {
  enum class State { good, warning, bad, skipped };
  std::string name;  // "TCP", "host key", …
  State state = State::good;
  std::string text;  // what was found, one sentence without a full stop
  std::string fix;   // what to do; empty when there is nothing to do
};

// What a node shows as its identity, before anybody trusts it.
struct HostKey {
  std::string type;         // "ssh-ed25519"
  std::string fingerprint;  // "SHA256:…", as ssh-keygen prints it
  enum class Known { unknown, known, changed, revoked } known = Known::unknown;
  std::string known_fingerprint;  // of the key on record, when changed
  std::string line;               // what trust_host_key() writes
};
struct HostKeys {
  std::string destination;  // host and port as they are recorded
  std::string file;         // where known keys are kept
  std::vector<HostKey> keys;
};

template <class T = void>
using Done = std::function<void(Result<T>)>;

class GRID_SDK Link {
 public:
  virtual ~Link();
  // All of this is [loop & started].
  // Who is there: machine id (the made-up one of a simulated worker) and boot id.
  struct Identity {
    std::string machine_id;
    std::string boot_id;
    std::string host_name;
    std::string user;  // whose account it is there
  };
  virtual void identify(Done<Identity> done) = 0;
  // One round trip for all needs.
  virtual void read(const Needs& needs, Done<Reading> done) = 0;
  virtual void probe(const ProbeSpec& spec, Done<ProbeReport> done) = 0;
  // Makes the run directory of `spec` and its work folder without starting anything, so that put() may fill
  // it.
  virtual void prepare(const RunSpec& spec, Done<> done) = 0;
  // Answers when the start gate has been passed; then events come. A start that is already there with the
  // same nonce answers as if it were new. resource_conflict: another nonce holds the directory. An error that
  // is not retryable means: it never started and, the gate being shut, never will.
  virtual void start(const RunSpec& spec, Done<> done) = 0;
  // After a restart of the head: what is there. For `running` and `finished` all events so far are repeated
  // to the sink. `never_started` shuts the gate first, so that nothing can start afterwards.
  virtual void attach(const Run& run, Done<RunState> done) = 0;
  // To the process group of the element. not_found: it does not run.
  virtual void signal(const Run& run, std::uint32_t element, int signal, Done<> done) = 0;
  // Stops elements (all when empty), with all their descendants: TERM, grace, KILL. Ones not yet started
  // never start: they end with signal SIGTERM. Answers when the request is durable on the node; the endings
  // come by the sink.
  virtual void cancel(const Run& run, const std::vector<std::uint32_t>& elements, Done<> done) = 0;
  virtual void read_log(const Run& run, std::uint32_t element, Stream stream, std::uint64_t offset,
                        std::uint64_t max_bytes, Done<LogChunk> done) = 0;
  // Copies with mode and mtime into the work folder; makes folders. What was cut off is resumed by the next
  // put() of the same files; each file is checked after it was written. `progress` may be null.
  virtual void put(const Run& run, std::vector<FileCopy> files, Progress progress, Done<> done) = 0;
  virtual void list(const Run& run, Done<std::vector<FileFact>> done) = 0;
  // Copies out of the work folder; `to` is written beside and renamed into place.
  virtual void get(const Run& run, std::vector<FileCopy> files, Progress progress, Done<> done) = 0;
  // Removes the run directory. A run that has not finished is resource_conflict.
  virtual void forget(const Run& run, Done<> done) = 0;
  // What `grid doctor` asks of the link: in an order in which the first bad one explains the others. Answers
  // with an error only when nothing could be looked at. By default: no checks.
  virtual void diagnose(Done<std::vector<Check>> done);
  // Somebody has just mended something, or asks for this very node: what the link holds back after a refusal
  // (a login that failed is not tried every second) is tried with the next call. By default: nothing is held.
  virtual void try_again();
};

class GRID_SDK Transport : public Plugin {
 public:
  ~Transport() override;
  // [loop & started] `sink` outlives the link. No I/O yet: the first call of the link connects.
  [[nodiscard]] virtual Result<std::unique_ptr<Link>> open(const NodeAddress& node, RunSink& sink) = 0;
  // [loop & started] The keys that the host at `address` shows now; nothing is trusted or sent to it. By
  // default: usage, the transport has no host keys.
  virtual void host_keys(const std::string& address, Done<HostKeys> done);
  // [loop & started] Records `key`, as host_keys() gave it, as good for that host. host_key_mismatch: another
  // key of the same type is on record, or this one is revoked; the error says how to remove it by hand.
  virtual void trust_host_key(const std::string& address, const HostKey& key, Done<> done);
};

}  // namespace grid
