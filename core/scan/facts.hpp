// What the kernel shows of a process tree that bears on starting it again elsewhere (stage 2). A fact that
// could not be read is absent. Plain data: grade.hpp judges it, facts_reader.hpp fills it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/scan/proc_text.hpp"
#include "core/scan/socket_table.hpp"
#include "grid/sdk/model.hpp"

namespace grid {

struct OpenFile {
  enum class Kind { harmless, regular, terminal, pipe, socket, gpu, device };
  int number = -1;
  Kind kind = Kind::harmless;  // also folders, /dev/null and its like, epoll, eventfd …
  std::string target;          // as the kernel names it, bytes
  std::uint64_t inode = 0;     // of a pipe or socket; 0: a named pipe
  FdInfo access;
};

struct ProcessFacts {
  ProcessId id;
  std::string comm;
  bool kernel_thread = false;
  bool zombie = false;
  bool in_foreground = false;                    // of its controlling terminal
  std::optional<std::vector<std::string>> argv;  // bytes
  bool title = false;                            // argv is a title written over the arguments, or was cut
  StatusFile status;
  std::optional<bool> program_deleted;
  std::optional<std::string> root;                             // "/" unless changed
  std::optional<std::vector<std::string>> foreign_namespaces;  // kinds in which it lives apart from us
  std::optional<std::vector<OpenFile>> files;
  std::vector<std::string> written_maps;  // regular files mapped shared and writable
  std::string batch_system;               // the scheduler that runs it; empty: none seen
  std::string grid_execution;             // the execution of a grid that runs it; empty: none seen
};

// A socket of the tree. Without a fact nothing is known of it.
struct SocketEnd {
  std::optional<SocketFact> fact;
  bool peer_inside = false;  // its other end is a socket of the tree
};

struct TreeFacts {
  enum class Standing { stranger, init, ourselves, our_ancestor };
  Standing standing = Standing::stranger;
  std::uint32_t our_uid = 0;
  std::vector<ProcessFacts> members;    // the root first
  std::size_t members_left_out = 0;     // beyond the cap
  bool holds_grid = false;              // a member runs our own program
  std::optional<std::int32_t> fork_of;  // root never executed: it runs on as a copy of that living process
  std::string supervisor;               // who would start the root again: a unit or a program; empty: nobody
  double cpu_seconds = 0;
  std::map<std::uint64_t, SocketEnd> sockets;  // by inode
  std::map<std::uint64_t, std::int32_t>
      outside;  // pipes and sockets of the tree that this process outside holds too
  std::set<std::uint64_t>
      from_shell;  // pipes above 2 that a shell above the tree holds under the same number: merely inherited
  bool orphan = false;  // whoever started it has gone: init is its parent
};

}  // namespace grid
