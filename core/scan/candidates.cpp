#include "core/scan/candidates.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace grid {
namespace {

constexpr std::size_t none = static_cast<std::size_t>(-1);

// The forest of parents. A loop of parents, as garbage may show, belongs to no tree: its rows come in no
// order.
class Forest {
 public:
  explicit Forest(std::span<const ProcessRow> rows)
      : parents_(rows.size(), none), first_child_(rows.size(), none), next_sibling_(rows.size(), none) {
    std::vector<std::uint32_t> waiting(rows.size());  // children not yet in the order
    for (std::size_t i = rows.size(); i-- > 0;) {
      const auto parent = index_of(rows, rows[i].ppid);
      if (parent == rows.size() || parent == i) continue;
      parents_[i] = parent;
      next_sibling_[i] = std::exchange(first_child_[parent], i);
      ++waiting[parent];
    }
    order_.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (first_child_[i] == none) order_.push_back(i);
    }
    for (std::size_t at = 0; at < order_.size(); ++at) {
      const auto parent = parents_[order_[at]];
      if (parent != none && --waiting[parent] == 0) order_.push_back(parent);
    }
    // What hangs below a loop is a tree of its own.
    std::vector<bool> ordered(rows.size());
    for (const auto row : order_) ordered[row] = true;
    for (auto& parent : parents_) {
      if (parent != none && !ordered[parent]) parent = none;
    }
  }
  // Every row of a tree, children before parents.
  [[nodiscard]] const std::vector<std::size_t>& upwards() const noexcept { return order_; }
  [[nodiscard]] std::size_t parent(std::size_t row) const noexcept { return parents_[row]; }

  // Fills `tree.members` and sums from its root. Ends also where parents form a loop.
  void gather(std::span<const ProcessRow> rows, Tree& tree) const {
    std::vector<std::size_t> members{tree.root};
    for (std::size_t at = 0; at < members.size(); ++at) {
      for (auto child = first_child_[members[at]]; child != none; child = next_sibling_[child]) {
        if (child != tree.root) members.push_back(child);
      }
    }
    std::uint64_t ticks = 0;
    for (const auto member : members) {
      const auto& row = rows[member];
      ticks += row.cpu_ticks + row.child_cpu_ticks;
      tree.rss_bytes += row.rss_bytes;
      if (row.cpu_fraction) tree.cpu_fraction = tree.cpu_fraction.value_or(0) + *row.cpu_fraction;
      if (!row.zombie() || member == tree.root) tree.members.push_back(member);
    }
    tree.cpu_seconds = static_cast<double>(ticks) / ticks_per_second();
  }

 private:
  std::vector<std::size_t> parents_;
  std::vector<std::size_t> first_child_;
  std::vector<std::size_t> next_sibling_;
  std::vector<std::size_t> order_;
};

// Many unrelated things run below these.
bool merely_hosts(const ProcessRow& row) {
  using namespace std::string_view_literals;
  constexpr std::array hosts{
      "systemd"sv,     "init"sv,   "sshd"sv,         "sshd-session"sv,    "login"sv,
      "su"sv,          "sudo"sv,   "tmux: server"sv, "screen"sv,          "dockerd"sv,
      "gdm"sv,         "cron"sv,   "crond"sv,        "containerd-shim"sv, "supervisord"sv,
      "dbus-daemon"sv, "lightdm"sv};
  const bool leads_terminal = row.tty_nr != 0 && row.session == row.pid;
  return leads_terminal || std::find(hosts.begin(), hosts.end(), row.comm) != hosts.end();
}

class Finder {
 public:
  Finder(std::span<const ProcessRow> rows, const CandidateRules& rules, const SameProgram& same_program)
      : rows_(rows),
        rules_(rules),
        same_program_(same_program),
        forest_(rows),
        barred_(rows.size()),
        own_(rows.size()) {
    for (const auto pid : ancestors_of(rows, rules.self)) barred_[index_of(rows, pid)] = true;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto& row = rows[i];
      if (row.pid == 1 || row.kernel_thread() || row.zombie()) barred_[i] = true;
      own_[i] = row.cpu_fraction.value_or(0);
    }
  }

  std::vector<Tree> find() {
    const auto roots = climb(busy_rows());
    std::vector<bool> root_below(rows_.size());
    std::vector<std::size_t> kept;
    for (const auto i : forest_.upwards()) {
      const bool keep = roots[i] && !(root_below[i] && own_[i] < rules_.cpu_floor);
      if (keep) kept.push_back(i);
      if (const auto parent = forest_.parent(i); parent != none && (keep || root_below[i]))
        root_below[parent] = true;
    }
    std::stable_sort(kept.begin(), kept.end(), [this](std::size_t a, std::size_t b) {
      return std::pair(tree_cpu_[a], rows_[a].rss_bytes) > std::pair(tree_cpu_[b], rows_[b].rss_bytes);
    });
    if (kept.size() > rules_.max_candidates) kept.resize(rules_.max_candidates);
    std::vector<Tree> trees;
    for (const auto root : kept) forest_.gather(rows_, trees.emplace_back(Tree{root}));
    return trees;
  }

 private:
  std::vector<std::size_t> busy_rows() {
    tree_cpu_ = own_;
    std::vector<bool> busy_below(rows_.size());
    std::vector<std::size_t> busy;
    for (const auto i : forest_.upwards()) {
      const auto& row = rows_[i];
      const bool itself = own_[i] >= rules_.cpu_floor || row.rss_bytes >= rules_.rss_floor_bytes;
      const bool together = tree_cpu_[i] >= rules_.cpu_floor && !busy_below[i] && !merely_hosts(row);
      const bool is_busy = !barred_[i] && (itself || together);
      if (is_busy) busy.push_back(i);
      if (const auto parent = forest_.parent(i); parent != none) {
        tree_cpu_[parent] += tree_cpu_[i];
        if (is_busy || busy_below[i]) busy_below[parent] = true;
      }
    }
    return busy;
  }

  // Marks the roots; the CPU of forks counts as their root's own.
  std::vector<bool> climb(const std::vector<std::size_t>& busy) {
    std::vector<bool> roots(rows_.size());
    for (const auto start : busy) {
      auto at = start;
      while (rows_[at].never_executed()) {
        const auto parent = forest_.parent(at);
        if (parent == none || barred_[parent] || !same_program_(rows_[at], rows_[parent])) break;
        at = parent;
      }
      if (at != start) own_[at] += rows_[start].cpu_fraction.value_or(0);
      roots[at] = true;
    }
    return roots;
  }

  std::span<const ProcessRow> rows_;
  const CandidateRules& rules_;
  const SameProgram& same_program_;
  Forest forest_;
  std::vector<bool> barred_;
  std::vector<double> own_;
  std::vector<double> tree_cpu_;
};

}  // namespace

std::vector<std::int32_t> ancestors_of(std::span<const ProcessRow> rows, std::int32_t pid) {
  std::vector<std::int32_t> line;
  for (auto at = index_of(rows, pid); at != rows.size(); at = index_of(rows, rows[at].ppid)) {
    if (std::find(line.begin(), line.end(), rows[at].pid) != line.end()) break;  // a loop: garbage
    line.push_back(rows[at].pid);
  }
  return line;
}

std::vector<Tree> find_candidates(std::span<const ProcessRow> rows, const CandidateRules& rules,
                                  const SameProgram& same_program) {
  return Finder(rows, rules, same_program).find();
}

Tree tree_of(std::span<const ProcessRow> rows, std::size_t root) {
  Tree tree{root};
  Forest(rows).gather(rows, tree);
  return tree;
}

}  // namespace grid
