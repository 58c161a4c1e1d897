#include "core/scan/grade.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace grid {
namespace {

// A process that keeps hundreds of files open shall not bury the other reasons.
constexpr std::size_t max_per_code = 5;

class Judge {
 public:
  explicit Judge(const TreeFacts& facts) : facts_(facts) {}

  Grade judge(double free_loss_seconds) {
    standing();
    const auto& root = facts_.members.front();
    if (root.kernel_thread) {
      forbid("kernel_thread", "part of the kernel");
    } else if (root.zombie) {
      forbid("zombie", "it has ended and waits for its parent");
    } else {
      for (const auto& member : facts_.members) process(member);
      tree();
      losses(free_loss_seconds);
    }
    return conclude(free_loss_seconds);
  }

 private:
  void forbid(std::string code, std::string text) { add(forbidden_, std::move(code), std::move(text)); }
  void lose(std::string code, std::string text) { add(lost_, std::move(code), std::move(text)); }
  static void add(std::vector<Reason>& list, std::string code, std::string text) {
    Reason reason{std::move(code), std::move(text)};
    const auto same =
        std::count_if(list.begin(), list.end(), [&](const Reason& r) { return r.code == reason.code; });
    if (same == max_per_code) reason.text = "… and more";
    if (same > static_cast<long>(max_per_code)) return;
    if (std::find(list.begin(), list.end(), reason) == list.end()) list.push_back(std::move(reason));
  }

  void standing() {
    switch (facts_.standing) {
      case TreeFacts::Standing::stranger:
        break;
      case TreeFacts::Standing::init:
        return forbid("init", "the first process of this machine");
      case TreeFacts::Standing::ourselves:
        return forbid("grid_itself", "it is this program");
      case TreeFacts::Standing::our_ancestor:
        return forbid("our_session", "this program runs below it");
    }
    if (facts_.holds_grid) forbid("grid_itself", "grid itself is part of it");
  }

  // "" for the root, " (PID name)" for another member.
  std::string who(const ProcessFacts& process) const {
    if (&process == &facts_.members.front()) return {};
    return fmt::format(" (process {} {})", process.id.pid, process.comm);
  }

  void process(const ProcessFacts& p) {
    if (!p.grid_execution.empty())
      forbid("grid_itself", "execution " + p.grid_execution + " of a grid runs it");
    if (!p.batch_system.empty()) forbid("batch_system", "it is a job of " + p.batch_system);
    if (!p.status.uids) {
      forbid("unknown_user", "its user could not be read" + who(p));
    } else if (p.status.uids->real != facts_.our_uid) {
      return forbid("other_user", fmt::format("it belongs to user {}{}", p.status.uids->real, who(p)));
    }
    rights(p);
    if (p.status.tracer.value_or(0) != 0)
      forbid("traced", fmt::format("process {} traces it{}", *p.status.tracer, who(p)));
    surroundings(p);
    if (!p.files) {
      forbid("unknown_files", "its open files could not be read" + who(p));
    } else {
      for (const auto& file : *p.files) open_file(p, file);
    }
    if (p.in_foreground) lose("foreground", "it runs in the foreground of a terminal" + who(p));
    for (const auto& path : p.written_maps) lose("mapped_file", path + " is mapped for writing" + who(p));
  }

  void rights(const ProcessFacts& p) {
    const auto& status = p.status;
    const auto changed = [](const std::optional<StatusFile::Ids>& ids) {
      return ids && (ids->real != ids->effective || ids->real != ids->saved);
    };
    if (changed(status.uids) || changed(status.gids)) {
      forbid("privileged", "it runs with the rights of another user or group (set-id)" + who(p));
    } else if (status.uids && status.uids->real != 0 && status.effective_capabilities.value_or(0) != 0) {
      forbid("privileged", "it holds capabilities" + who(p));
    }
  }

  void surroundings(const ProcessFacts& p) {
    if (!p.program_deleted) {
      forbid("unknown_program", "its program could not be read" + who(p));
    } else if (*p.program_deleted) {
      forbid("deleted_program", "its program was deleted or replaced since" + who(p));
    }
    if (!p.foreign_namespaces || !p.root) {
      forbid("unknown_namespaces", "its namespaces could not be read" + who(p));
      return;
    }
    if (!p.foreign_namespaces->empty()) {
      forbid("other_namespaces", fmt::format("it lives in namespaces of its own ({}), as in a container{}",
                                             fmt::join(*p.foreign_namespaces, ", "), who(p)));
    } else if (*p.root != "/") {
      forbid("other_root", "its root directory is " + *p.root + who(p));
    }
  }

  void open_file(const ProcessFacts& p, const OpenFile& file) {
    const bool output = file.number == 1 || file.number == 2;
    const auto* stream = file.number == 1 ? "standard output" : "standard error";
    switch (file.kind) {
      case OpenFile::Kind::harmless:
        return;
      case OpenFile::Kind::terminal:
        if (output) {
          lose("terminal_output",
               fmt::format("{} goes to {}; it would go to `grid logs`{}", stream, file.target, who(p)));
        } else if (file.number == 0) {
          lose("terminal_input", "standard input is " + file.target + "; it would be empty" + who(p));
        }
        return;
      case OpenFile::Kind::regular:
        return regular(p, file, output ? stream : nullptr);
      case OpenFile::Kind::pipe:
        return pipe(p, file);
      case OpenFile::Kind::socket:
        return socket(p, file);
      case OpenFile::Kind::gpu:
        return lose("gpu", "it uses " + file.target + who(p));
      case OpenFile::Kind::device:
        return forbid("device", "it uses " + file.target + who(p));
    }
  }

  void regular(const ProcessFacts& p, const OpenFile& file, const char* stream) {
    if (file.access.locked) lose("file_lock", "it holds a lock on " + file.target + who(p));
    if (stream != nullptr && file.access.writable) {
      lose("redirected_output",
           fmt::format("{} goes to {}; it would go to `grid logs`{}", stream, file.target, who(p)));
    } else if (file.access.writable) {
      lose("open_file", file.target + " is open for writing" + who(p));
    } else if (file.number == 0 && file.target.ends_with(" (deleted)")) {
      forbid("deleted_input", "standard input is a file that was deleted" + who(p));
    }
  }

  // A pipe is the tree's own when both ends are in it and nobody else holds it.
  void pipe(const ProcessFacts& p, const OpenFile& file) {
    const auto what =
        file.number == 0 ? std::string("standard input") : fmt::format("descriptor {}", file.number);
    if (facts_.from_shell.contains(file.inode)) return;
    if (facts_.orphan && file.number > 2) {
      return lose("inherited_pipe",
                  what + " is a pipe that it was started with by someone who has gone" + who(p));
    }
    if (const auto other = facts_.outside.find(file.inode); other != facts_.outside.end()) {
      return forbid("pipe",
                    fmt::format("{} is a pipe shared with process {}{}", what, other->second, who(p)));
    }
    bool readable = false;
    bool writable = false;
    for (const auto& member : facts_.members) {
      if (!member.files) continue;
      for (const auto& end : *member.files) {
        if (end.kind != OpenFile::Kind::pipe || end.inode != file.inode) continue;
        readable = readable || end.access.readable;
        writable = writable || end.access.writable;
      }
    }
    if (file.inode == 0 || !readable || !writable) {
      forbid("pipe", what + " is a pipe whose other end is not in the tree" + who(p));
    }
  }

  void socket(const ProcessFacts& p, const OpenFile& file) {
    const auto at = facts_.sockets.find(file.inode);
    if (at == facts_.sockets.end() || !at->second.fact) {
      return forbid("unknown_socket", fmt::format("descriptor {} is a socket of which nothing is known{}",
                                                  file.number, who(p)));
    }
    const auto& fact = *at->second.fact;
    const auto other = facts_.outside.find(file.inode);
    const auto* family = fact.family == SocketFact::Family::tcp   ? "tcp "
                         : fact.family == SocketFact::Family::udp ? "udp "
                                                                  : "";
    if (fact.listening) {
      forbid("listening_socket", fmt::format("it listens on {}{}{}", family,
                                             fact.local.empty() ? "a socket" : fact.local, who(p)));
    } else if (fact.connected && other != facts_.outside.end()) {
      forbid("connected_socket", fmt::format("a socket is shared with process {}{}", other->second, who(p)));
    } else if (fact.connected && !at->second.peer_inside) {
      const auto peer = !fact.remote.empty() ? family + fact.remote
                        : fact.local.empty() ? "another process"
                                             : fact.local;
      forbid("connected_socket", "it is connected to " + peer + who(p));
    }
  }

  void tree() {
    const auto& root = facts_.members.front();
    if (!facts_.supervisor.empty()) forbid("supervised", facts_.supervisor + " would start it again here");
    if (facts_.fork_of) {
      forbid("forked_worker",
             fmt::format("a copy of process {} that never started a program of its own", *facts_.fork_of));
    }
    if (!root.argv || root.argv->empty() || root.title) {
      forbid("unknown_arguments", "its arguments could not be read, or it wrote a title over them");
    }
    if (facts_.members_left_out > 0) {
      forbid("unknown_processes",
             fmt::format("{} more of its processes were not looked at", facts_.members_left_out));
    }
  }

  void losses(double free_loss_seconds) {
    if (facts_.cpu_seconds >= free_loss_seconds) {
      lost_.insert(lost_.begin(), {"cpu_time", fmt::format("{:.1f} s of CPU time spent so far would be lost",
                                                           facts_.cpu_seconds)});
    }
  }

  Grade conclude(double free_loss_seconds) {
    Grade result{Restartable::no, std::move(forbidden_)};
    if (result.reasons.empty())
      result.restartable = lost_.empty() ? Restartable::yes : Restartable::with_loss;
    result.reasons.insert(result.reasons.end(), lost_.begin(), lost_.end());
    if (result.reasons.empty()) {
      result.reasons.push_back(
          {"free_loss", fmt::format("only {:.1f} s of CPU time spent so far, less than {:g} s",
                                    facts_.cpu_seconds, free_loss_seconds)});
    }
    return result;
  }

  const TreeFacts& facts_;
  std::vector<Reason> forbidden_;
  std::vector<Reason> lost_;
};

}  // namespace

Grade grade(const TreeFacts& facts, double free_loss_seconds) {
  if (facts.members.empty()) return {Restartable::no, {{"unknown_processes", "nothing of it could be read"}}};
  return Judge(facts).judge(free_loss_seconds);
}

}  // namespace grid
