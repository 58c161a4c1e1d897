// May this tree be started again elsewhere? A judgement on facts alone. Pure. [any]
#pragma once

#include <vector>

#include "core/scan/facts.hpp"
#include "grid/sdk/model.hpp"

namespace grid {

struct Grade {
  Restartable restartable = Restartable::no;
  std::vector<Reason> reasons;  // never empty: what forbids it first, then each loss
};

// `free_loss_seconds` of CPU time may be lost without mention.
// Forbids (`no`): init, grid_itself, our_session, kernel_thread, zombie, other_user, privileged, traced,
// deleted_program, other_namespaces, other_root, listening_socket, connected_socket, pipe, device,
// batch_system, supervised, forked_worker, deleted_input, and unknown_files, unknown_program,
// unknown_namespaces, unknown_user, unknown_arguments, unknown_socket, unknown_processes for what could not
// be read. Losses (`with_loss`): cpu_time, terminal_output, redirected_output, terminal_input, foreground,
// inherited_pipe, open_file, file_lock, mapped_file, gpu.
[[nodiscard]] Grade grade(const TreeFacts& facts, double free_loss_seconds);

}  // namespace grid
