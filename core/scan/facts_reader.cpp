#include "core/scan/facts_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "core/scan/proc_files.hpp"

namespace grid {
namespace {

constexpr std::size_t max_members = 128;

template <std::size_t Size>
bool is_one_of(const std::array<std::string_view, Size>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_shell(std::string_view comm) {
  using namespace std::string_view_literals;
  return is_one_of(std::array{"sh"sv, "bash"sv, "dash"sv, "zsh"sv, "ksh"sv, "fish"sv, "busybox"sv}, comm);
}

bool is_supervisor(std::string_view comm) {
  using namespace std::string_view_literals;
  return is_one_of(std::array{"make"sv, "ninja"sv, "cron"sv, "crond"sv, "runit"sv, "runsv"sv, "supervisord"sv,
                              "s6-supervise"sv, "slurmstepd"sv},
                   comm);
}

// Pipes and sockets of the tree.
std::set<std::uint64_t> inodes_of(const TreeFacts& facts, OpenFile::Kind kind) {
  std::set<std::uint64_t> inodes;
  for (const auto& member : facts.members) {
    if (!member.files) continue;
    for (const auto& file : *member.files) {
      if (file.kind == kind && file.inode != 0) inodes.insert(file.inode);
    }
  }
  return inodes;
}

bool names_descriptor(const ProcessFacts& process, int number) {
  if (!process.argv) return true;
  const auto name = "/fd/" + std::to_string(number);
  return std::any_of(process.argv->begin(), process.argv->end(),
                     [&](const std::string& argument) { return argument.find(name) != std::string::npos; });
}

}  // namespace

FactsReader::FactsReader(int proc, std::span<const ProcessRow> rows, Options options)
    : proc_(proc),
      rows_(rows),
      options_(options),
      our_line_(ancestors_of(rows, options.self)),
      our_namespaces_(read_namespaces(proc, options.self).value_or(Namespaces())) {}

std::optional<TreeFacts> FactsReader::read(const Tree& tree) {
  const auto& root = rows_[tree.root];
  TreeFacts facts;
  facts.our_uid = ::geteuid();
  facts.cpu_seconds = tree.cpu_seconds;
  facts.orphan = root.ppid == 1;
  if (root.pid == 1) {
    facts.standing = TreeFacts::Standing::init;
  } else if (root.pid == options_.self) {
    facts.standing = TreeFacts::Standing::ourselves;
  } else if (std::find(our_line_.begin(), our_line_.end(), root.pid) != our_line_.end()) {
    facts.standing = TreeFacts::Standing::our_ancestor;
  }
  for (const auto member : tree.members) {
    if (facts.members.size() == max_members) break;
    auto one = read_process_facts(proc_, rows_[member], our_namespaces_);
    if (!one && member == tree.root) return std::nullopt;
    if (!one) continue;
    const auto pid = rows_[member].pid;
    if (pid != options_.self && runs_same_program(proc_, pid, options_.self)) facts.holds_grid = true;
    facts.members.push_back(std::move(*one));
  }
  if (tree.members.size() > max_members) facts.members_left_out = tree.members.size() - max_members;
  facts.fork_of = fork_of(root);
  facts.supervisor = find_supervisor(root);
  find_sockets(facts);
  find_outside(tree, facts);
  return facts;
}

// A copy of a living process that it could not climb to, because that one is ours.
std::optional<std::int32_t> FactsReader::fork_of(const ProcessRow& root) const {
  if (!root.never_executed() || root.kernel_thread() || root.ppid <= 1 ||
      index_of(rows_, root.ppid) == rows_.size()) {
    return std::nullopt;
  }
  return runs_same_program(proc_, root.pid, root.ppid) ? std::optional(root.ppid) : std::nullopt;
}

std::string FactsReader::find_supervisor(const ProcessRow& root) const {
  // A command of make or cron often runs below a shell of its own.
  auto parent = index_of(rows_, root.ppid);
  for (int steps = 0; steps < 8 && parent != rows_.size() && is_shell(rows_[parent].comm); ++steps) {
    parent = index_of(rows_, rows_[parent].ppid);
  }
  if (parent != rows_.size() && is_supervisor(rows_[parent].comm)) return rows_[parent].comm;

  const auto group = parse_cgroup(read_proc(proc_, root.pid, "cgroup", 4096).bytes.value_or(""));
  if (!group.ends_with(".service")) return {};
  // systemd tells the main process of a unit who it is. Without that word: it leads a session and its parent
  // is outside.
  const auto environment = read_proc(proc_, root.pid, "environ", 256U << 10U).bytes.value_or("");
  const auto main_pid = find_variable(environment, "SYSTEMD_EXEC_PID");
  const auto parent_group = parse_cgroup(read_proc(proc_, root.ppid, "cgroup", 4096).bytes.value_or(""));
  const bool is_main =
      main_pid ? *main_pid == std::to_string(root.pid) : root.session == root.pid && parent_group != group;
  return is_main ? group.substr(group.rfind('/') + 1) : std::string();
}

Sockets& FactsReader::sockets_near(std::int32_t pid) {
  const auto name = read_proc_link(proc_, pid, "ns/net").value_or("");
  const auto at = sockets_.find(name);
  return at != sockets_.end() ? at->second : sockets_.emplace(name, Sockets(proc_)).first->second;
}

void FactsReader::find_sockets(TreeFacts& facts) {
  const auto inodes = inodes_of(facts, OpenFile::Kind::socket);
  if (inodes.empty()) return;
  const auto pid = facts.members.front().id.pid;
  Sockets& sockets = sockets_near(pid);
  for (const auto inode : inodes) facts.sockets[inode].fact = sockets.find(pid, inode);
  for (auto& [inode, end] : facts.sockets) {
    if (!end.fact || !end.fact->connected) continue;
    const auto& fact = *end.fact;
    if (fact.family == SocketFact::Family::local) {
      const auto peer = options_.live ? unix_peer(inode) : std::nullopt;
      end.peer_inside = peer && inodes.contains(*peer);
    } else {
      end.peer_inside = std::any_of(facts.sockets.begin(), facts.sockets.end(), [&](const auto& other) {
        const auto& peer = other.second.fact;
        return peer && peer->connected && peer->family == fact.family && peer->local == fact.remote &&
               peer->remote == fact.local;
      });
    }
  }
}

const std::vector<std::uint64_t>& FactsReader::held_by(std::int32_t pid) {
  const auto at = held_.find(pid);
  return at != held_.end() ? at->second : held_.emplace(pid, read_held_inodes(proc_, pid)).first->second;
}

// A shell hands on every descriptor that it was started with, and opens no pipe above 2 for a command but
// those that the command's arguments name (/dev/fd/63). What it holds under the same number is no channel of
// this program.
void FactsReader::find_inherited(const std::vector<std::int32_t>& ancestors, TreeFacts& facts) {
  for (const auto& member : facts.members) {
    if (!member.files) continue;
    for (const auto& file : *member.files) {
      if (file.kind != OpenFile::Kind::pipe || file.number < 3 || names_descriptor(member, file.number))
        continue;
      const auto holds_it = [&](std::int32_t pid) {
        const auto row = index_of(rows_, pid);
        return row != rows_.size() && pid != facts.members.front().id.pid && is_shell(rows_[row].comm) &&
               read_proc_link(proc_, pid, "fd/" + std::to_string(file.number)) == file.target;
      };
      if (std::any_of(ancestors.begin(), ancestors.end(), holds_it)) facts.from_shell.insert(file.inode);
    }
  }
}

// Descriptors are handed on by fork, so whoever shares one is an ancestor or came from one: mostly of the
// same session.
void FactsReader::find_outside(const Tree& tree, TreeFacts& facts) {
  auto wanted = inodes_of(facts, OpenFile::Kind::pipe);
  wanted.merge(inodes_of(facts, OpenFile::Kind::socket));
  if (wanted.empty()) return;
  std::set<std::int32_t> inside;
  std::set<std::int32_t> sessions;
  for (const auto member : tree.members) {
    inside.insert(rows_[member].pid);
    sessions.insert(rows_[member].session);
  }
  const auto line = ancestors_of(rows_, rows_[tree.root].pid);
  const std::set<std::int32_t> ancestors(line.begin(), line.end());
  find_inherited(line, facts);
  for (const auto& row : rows_) {
    if (inside.contains(row.pid) || row.kernel_thread() || row.zombie()) continue;
    if (!options_.everywhere && !sessions.contains(row.session) && !ancestors.contains(row.pid)) continue;
    for (const auto inode : held_by(row.pid)) {
      if (wanted.contains(inode)) facts.outside.emplace(inode, row.pid);
    }
  }
}

}  // namespace grid
