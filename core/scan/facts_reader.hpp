// Reads the facts of trees. It remembers what several trees of one scan share (sockets of a network
// namespace, descriptors of the processes around them), so one reader serves one pass. [any], one thread at a
// time.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/scan/candidates.hpp"
#include "core/scan/process_facts.hpp"

namespace grid {

class FactsReader {
 public:
  struct Options {
    std::int32_t self = 0;
    bool live = true;  // /proc is the real one: the kernel itself may be asked
    bool everywhere =
        false;  // look for shared pipes in all processes, not just in ancestors and sessions of the tree
  };
  // `proc` is a descriptor of the folder /proc; `rows` are of the pass before and outlive the reader.
  FactsReader(int proc, std::span<const ProcessRow> rows, Options options);

  // Absent: the root ended meanwhile.
  [[nodiscard]] std::optional<TreeFacts> read(const Tree& tree);

 private:
  void find_sockets(TreeFacts& facts);
  void find_outside(const Tree& tree, TreeFacts& facts);
  void find_inherited(const std::vector<std::int32_t>& ancestors, TreeFacts& facts);
  [[nodiscard]] std::string find_supervisor(const ProcessRow& root) const;
  [[nodiscard]] std::optional<std::int32_t> fork_of(const ProcessRow& root) const;
  Sockets& sockets_near(std::int32_t pid);
  const std::vector<std::uint64_t>& held_by(std::int32_t pid);

  int proc_;
  std::span<const ProcessRow> rows_;
  Options options_;
  std::vector<std::int32_t> our_line_;  // we, our parent, and so on
  Namespaces our_namespaces_;
  std::map<std::string, Sockets> sockets_;
  std::map<std::int32_t, std::vector<std::uint64_t>> held_;
};

}  // namespace grid
