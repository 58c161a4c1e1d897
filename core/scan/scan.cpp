#include "core/scan/scan.hpp"

#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "core/scan/facts_reader.hpp"
#include "core/scan/grade.hpp"
#include "core/scan/proc_files.hpp"
#include "core/scan/proc_text.hpp"
#include "core/scan/process_table.hpp"

namespace grid {
namespace {

// Left to the rest of the program, and the most that are worth keeping.
constexpr std::uint64_t spare_descriptors = 256;
constexpr std::uint64_t most_descriptors = 32768;

std::size_t descriptors_to_keep() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= spare_descriptors) return 0;
  return std::min<std::uint64_t>(limit.rlim_cur - spare_descriptors, most_descriptors);
}

ScanOptions with_self(ScanOptions options) {
  if (options.self == 0) options.self = ::getpid();
  return options;
}

// Looked up once in a pass: most processes belong to few users, and a directory service may be slow.
class UserNames {
 public:
  const std::string& of(std::uint32_t uid) {
    const auto known = names_.find(uid);
    return known != names_.end() ? known->second : names_.emplace(uid, look_up(uid)).first->second;
  }

 private:
  static std::string look_up(std::uint32_t uid);
  std::map<std::uint32_t, std::string> names_;
};

std::string UserNames::look_up(std::uint32_t uid) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::to_string(uid);
  return found->pw_name;
}

// What stage 2 found of a tree; it changes seldom.
struct Judged {
  std::vector<std::string> argv;
  std::string cwd;
  std::optional<std::uint32_t> uid;
  std::string user;
  Grade verdict;
  std::vector<ProcessId> members;
  std::chrono::nanoseconds taken{};
};

std::optional<Judged> judge(FactsReader& reader, UserNames& users, const ProcessTable& table,
                            const Tree& tree, const ScanOptions& options) {
  const auto facts = reader.read(tree);
  if (!facts) return std::nullopt;
  const auto& root = facts->members.front();
  Judged judged;
  judged.argv = root.argv.value_or(std::vector<std::string>());
  judged.cwd = read_proc_link(table.proc(), root.id.pid, "cwd").value_or("");
  if (root.status.uids) {
    judged.uid = root.status.uids->real;
    judged.user = users.of(*judged.uid);
  }
  judged.verdict = grade(*facts, options.free_loss_seconds);
  return judged;
}

std::vector<ProcessId> ids_of(std::span<const ProcessRow> rows, const Tree& tree) {
  std::vector<ProcessId> ids;
  for (const auto member : tree.members) ids.push_back(rows[member].id());
  return ids;
}

Candidate to_candidate(const ProcessTable& table, const Tree& tree, const Judged& judged) {
  const auto& root = table.rows()[tree.root];
  Candidate candidate;
  candidate.root = root.id();
  candidate.members = ids_of(table.rows(), tree);
  candidate.command = join_command(judged.argv, root.comm);
  candidate.argv = judged.argv;
  candidate.cwd = judged.cwd;
  candidate.uid = judged.uid;
  candidate.user = judged.user;
  candidate.cpu_fraction = tree.cpu_fraction;
  candidate.rss_bytes = tree.rss_bytes;
  candidate.age_seconds = table.age_seconds(root);
  candidate.cpu_seconds = tree.cpu_seconds;
  candidate.restartable = judged.verdict.restartable;
  candidate.reasons = judged.verdict.reasons;
  return candidate;
}

FactsReader reader_of(const ProcessTable& table, const ScanOptions& options, bool everywhere) {
  return {table.proc(), table.rows(), {options.self, options.file_root.empty(), everywhere}};
}

std::vector<Tree> busy_trees(const ProcessTable& table, const ScanOptions& options) {
  const CandidateRules rules{options.cpu_floor, options.rss_floor_bytes, options.max_candidates,
                             options.self};
  return find_candidates(table.rows(), rules, [&](const ProcessRow& child, const ProcessRow& parent) {
    return runs_same_program(table.proc(), child.pid, parent.pid);
  });
}

void sleep_seconds(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

}  // namespace

struct HeadScanner::State {
  ScanOptions options;
  ProcessTable table;
  std::map<ProcessId, Judged> known;

  explicit State(ScanOptions given)
      : options(with_self(std::move(given))), table(options.file_root, descriptors_to_keep()) {}

  Result<HeadScan> turn() {
    if (auto passed = table.pass(boot_clock()); !passed) return fail(passed.error());
    HeadScan scan;
    scan.interval_seconds = table.interval_seconds();
    scan.processes = static_cast<std::uint32_t>(table.rows().size());
    scan.unreadable = table.unreadable();
    for (const auto& row : table.rows()) {
      scan.rss_bytes += row.rss_bytes;
      if (row.cpu_fraction) scan.cpu_fraction = scan.cpu_fraction.value_or(0) + *row.cpu_fraction;
    }
    judge_busy(scan);
    return scan;
  }

  void judge_busy(HeadScan& scan) {
    auto reader = reader_of(table, options, false);
    UserNames users;
    std::map<ProcessId, Judged> still_known;
    for (const auto& tree : busy_trees(table, options)) {
      const auto id = table.rows()[tree.root].id();
      auto node = known.extract(id);
      if (node.empty() || is_stale(node.mapped(), tree)) {
        auto judged = judge(reader, users, table, tree, options);
        if (!judged) continue;  // ended since the pass
        judged->members = ids_of(table.rows(), tree);
        judged->taken = boot_clock();
        still_known.insert_or_assign(id, std::move(*judged));
      } else {
        still_known.insert(std::move(node));
      }
      scan.candidates.push_back(to_candidate(table, tree, still_known.at(id)));
    }
    known = std::move(still_known);
  }

  // CPU time spent grows all the time: a free loss becomes one that counts.
  bool is_stale(const Judged& judged, const Tree& tree) const {
    const bool grew_dear =
        judged.verdict.restartable == Restartable::yes && tree.cpu_seconds >= options.free_loss_seconds;
    const auto age = std::chrono::duration<double>(boot_clock() - judged.taken).count();
    return grew_dear || age > options.facts_age_seconds || judged.members != ids_of(table.rows(), tree);
  }
};

HeadScanner::HeadScanner(ScanOptions options) : state_(std::make_unique<State>(std::move(options))) {}
HeadScanner::~HeadScanner() = default;
HeadScanner::HeadScanner(HeadScanner&&) noexcept = default;
HeadScanner& HeadScanner::operator=(HeadScanner&&) noexcept = default;

Result<HeadScan> HeadScanner::turn() { return state_->turn(); }

Result<HeadScan> scan_once(const ScanOptions& options) {
  HeadScanner::State state(options);
  if (auto passed = state.table.pass(boot_clock()); !passed) return fail(passed.error());
  sleep_seconds(options.interval_seconds);
  return state.turn();
}

Result<Candidate> examine(pid_t pid, const ScanOptions& given) {
  const auto options = with_self(given);
  ProcessTable table(options.file_root, descriptors_to_keep());
  const auto missing = [pid] {
    return fail(Code::process_not_found, "no process " + std::to_string(pid), "see: grid offload scan");
  };
  if (auto passed = table.pass(boot_clock()); !passed) return fail(passed.error());
  const auto* before = table.find(pid);
  if (before == nullptr) return missing();
  const auto id = before->id();
  if (options.interval_seconds > 0) {
    sleep_seconds(options.interval_seconds);
    if (auto passed = table.pass(boot_clock()); !passed) return fail(passed.error());
  }
  const auto index = index_of(table.rows(), pid);
  if (index == table.rows().size() || table.rows()[index].id() != id) return missing();
  const auto tree = tree_of(table.rows(), index);
  auto reader = reader_of(table, options, true);
  UserNames users;
  const auto judged = judge(reader, users, table, tree, options);
  if (!judged) return missing();
  return to_candidate(table, tree, *judged);
}

DescriptorLimit raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  const auto before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  return {before, limit.rlim_cur};
}

}  // namespace grid
