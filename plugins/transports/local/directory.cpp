#include "directory.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "grid/sdk/fd.hpp"

namespace grid::local {
namespace {

namespace fs = std::filesystem;
namespace rd = run_directory;

constexpr std::size_t most_spec_bytes = 64U << 20U;
constexpr std::size_t most_journal_bytes = 1U << 30U;
constexpr std::chrono::seconds record_wait{5};  // from a passed gate to the first record
constexpr std::chrono::milliseconds look_again{10};

Result<> make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(folder.string(), errno);
  return {};
}

std::string random_name() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) std::abort();  // cannot fail for so few bytes
  std::string name;
  for (const unsigned char byte : bytes) {
    name += "0123456789abcdef"[byte >> 4];
    name += "0123456789abcdef"[byte & 15];
  }
  return name;
}

Result<rd::Spec> read_spec(const fs::path& folder) {
  const auto text = read_text(folder / rd::spec_file, most_spec_bytes);
  if (!text) return fail(text.error());
  return rd::decode_spec(*text);
}

// Written beside and moved into place, unless somebody else's is there already.
Result<> place_spec(const fs::path& folder, const std::string& text) {
  const fs::path beside = folder / (".spec." + random_name());
  const Fd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  std::size_t done = 0;
  while (file && done < text.size()) {
    const ssize_t n = ::write(file.get(), text.data() + done, text.size() - done);
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  int error = !file || done < text.size() || ::fsync(file.get()) != 0 ? errno : 0;
  if (error == 0 && ::link(beside.c_str(), (folder / rd::spec_file).c_str()) != 0 && errno != EEXIST)
    error = errno;
  ::unlink(beside.c_str());
  if (error != 0) return fail_errno((folder / rd::spec_file).string(), error);
  return {};
}

// True when the gate was shut by this call.
Result<bool> shut_gate(const fs::path& folder) {
  if (::mkdir((folder / rd::gate).c_str(), 0700) == 0) return true;
  if (errno == EEXIST) return false;
  return fail_errno((folder / rd::gate).string(), errno);
}

// Says so in the journal of a gate that no shim passed; false while a shim holds it.
Result<bool> record_shut(const fs::path& folder) {
  const fs::path path = folder / rd::journal_file;
  const Fd journal(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!journal) return fail_errno(path.string(), errno);
  if (::flock(journal.get(), LOCK_EX | LOCK_NB) != 0) return false;
  struct stat facts {};
  if (::fstat(journal.get(), &facts) == 0 && facts.st_size > 0) return false;  // a record came meanwhile
  const std::string line = rd::encode(rd::Record(rd::ShutRecord{}));
  if (::write(journal.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return fail_errno(path.string(), errno);
  }
  ::fdatasync(journal.get());
  return true;
}

}  // namespace

tl::unexpected<Error> fail_errno(const std::string& what, int error) {
  const std::string message = what + ": " + std::strerror(error);
  if (error == ENOENT) return fail(Code::not_found, message);
  return fail(Code::storage_failed, message);
}

Result<std::string> read_text(const fs::path& file, std::size_t max_bytes) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(file.string(), errno);
  std::string text;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0) return fail_errno(file.string(), errno);
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > max_bytes) return fail(Code::usage, file.string() + " is larger than expected");
  }
}

Result<Claimed> claim(const fs::path& root, const fs::path& folder, const RunSpec& spec) {
  if (spec.task.argv.empty() || spec.elements.empty() || spec.slots == 0) {
    return fail(Code::usage, "a run needs a command, an element and a slot");
  }
  if (auto made = rd::claim_root(root); !made) return fail(made.error());
  for (const auto& part : {folder.parent_path().parent_path(), folder.parent_path(), folder}) {
    if (auto made = make_folder(part); !made) return fail(made.error());
  }
  const std::string text = rd::encode(rd::make_spec(spec, random_name()));
  if (auto checked = rd::decode_spec(text); !checked) return fail(checked.error());
  if (!fs::exists(folder / rd::spec_file)) {
    if (auto placed = place_spec(folder, text); !placed) return fail(placed.error());
  }
  const auto there = read_spec(folder);
  if (!there) return fail(there.error());
  if (there->nonce != spec.nonce) {
    return fail(Code::resource_conflict,
                "run directory " + folder.string() + " belongs to somebody else's start");
  }
  for (const auto part : {rd::cancel_folder, rd::work_folder}) {
    if (auto made = make_folder(folder / part); !made) return fail(made.error());
  }
  const Fd journal(
      ::open((folder / rd::journal_file).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!journal) return fail_errno((folder / rd::journal_file).string(), errno);
  const bool passed = fs::exists(folder / rd::gate);
  return Claimed{there->cookie, passed ? RunState::running : RunState::never_started};
}

Result<pid_t> spawn_shim(const fs::path& shim, const fs::path& folder) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, 0, 1);
  posix_spawn_file_actions_addopen(&actions, 2, (folder / rd::shim_log).c_str(),
                                   O_WRONLY | O_APPEND | O_CREAT, 0600);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  std::string name = "grid-shim";
  std::string verb = "run";
  std::string argument = folder.string();
  char* const arguments[] = {name.data(), verb.data(), argument.data(), nullptr};
  pid_t pid = 0;
  // With our environment, for what tasks inherit; nothing else of it reaches them.
  const int error = ::posix_spawn(&pid, shim.c_str(), &actions, &attributes, arguments, ::environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return fail(Code::preflight_failed, shim.string() + " cannot be started: " + std::strerror(error),
                "reinstall grid, or set the option `shim` of the local transport");
  }
  return pid;
}

Result<Found> look(const fs::path& folder, const Stopping& stopping) {
  if (!fs::exists(folder)) return Found{};
  const auto shut = shut_gate(folder);
  if (!shut) return fail(shut.error());
  for (auto waited = std::chrono::milliseconds(0); !stopping; waited += look_again) {
    const auto records = read_journal(folder);
    if (!records && records.error().code != Code::not_found) return fail(records.error());
    if (records && !records->empty()) {
      if (std::holds_alternative<rd::ShutRecord>(records->front())) return Found{RunState::never_started, {}};
      const auto spec = read_spec(folder);
      if (!spec) return fail(spec.error());
      const bool finished = std::holds_alternative<rd::FinishedRecord>(records->back());
      return Found{finished ? RunState::finished : RunState::running, spec->cookie};
    }
    const auto recorded = record_shut(folder);
    if (!recorded) return fail(recorded.error());
    if (*recorded) return Found{RunState::never_started, {}};
    if (waited >= record_wait) break;
    std::this_thread::sleep_for(look_again);
  }
  return fail(Code::timed_out, "the shim of " + folder.string() + " passed its gate and says nothing", {},
              true);
}

Result<std::vector<rd::Record>> read_journal(const fs::path& folder) {
  const auto text = read_text(folder / rd::journal_file, most_journal_bytes);
  if (!text) return fail(text.error());
  std::vector<rd::Record> records;
  if (auto used = rd::decode_journal(*text, records); !used) return fail(used.error());
  return records;
}

std::optional<ProcessId> live_shim(const std::vector<rd::Record>& records) {
  const auto* const shim = records.empty() ? nullptr : std::get_if<rd::ShimRecord>(&records.front());
  if (shim == nullptr || shim->boot_id != rd::boot_id()) return std::nullopt;
  const auto facts = rd::process_facts(shim->process.pid);
  if (!facts || facts->id != shim->process || facts->state == 'Z') return std::nullopt;
  return shim->process;
}

Result<> request_cancel(const fs::path& folder, const std::vector<std::uint32_t>& elements) {
  const fs::path markers = folder / rd::cancel_folder;
  std::vector<std::string> names;
  for (const auto element : elements) names.push_back(std::to_string(element));
  if (names.empty()) names.emplace_back(rd::cancel_all);
  for (const auto& name : names) {
    const Fd marker(::open((markers / name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!marker) return fail_errno((markers / name).string(), errno);
  }
  const Fd synced(::open(markers.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!synced || ::fsync(synced.get()) != 0) return fail_errno(markers.string(), errno);
  const auto records = read_journal(folder);
  if (!records) return fail(records.error());
  // A shim without a record yet looks at the markers after it wrote one.
  if (const auto shim = live_shim(*records)) rd::send_signal(*shim, SIGTERM);
  return {};
}

}  // namespace grid::local
