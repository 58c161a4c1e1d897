// Files into and out of the work folder of a run on a node, over its shell.
//
// Small files travel together, large ones alone and in a part file which the next copy of the same file goes
// on with. Files that are already there, by size, time and checksum, are not sent. Every file is compared by
// its checksum before it gets its name; one that differs is tried once more.
//
// [loop] Each call is answered once, on the loop, never from inside the call, unless the shell is destroyed
// before: then never. What touches the head's disk runs on the node's thread. `run_folder` is absolute on the
// node. Errors, besides those of the shell: usage (a path that leaves the work folder, by `..` or through a
// symbolic link), not_found (no work folder; no such file), storage_failed (a disk is full, a checksum
// differs).
#pragma once

#include <string>
#include <vector>

#include "grid/sdk/host.hpp"
#include "shell.hpp"

namespace grid::ssh {

void copy_in(Shell& shell, Host& host, std::string run_folder, std::vector<FileCopy> files, Progress progress,
             Done<> done);
// Files that do not exist are named in the error (not_found); the others arrive nevertheless.
void copy_out(Shell& shell, Host& host, std::string run_folder, std::vector<FileCopy> files,
              Progress progress, Done<> done);
// Files and symbolic links, by path.
void list_files(Shell& shell, Host& host, const std::string& run_folder, Done<std::vector<FileFact>> done);

}  // namespace grid::ssh
