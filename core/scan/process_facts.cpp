#include "core/scan/process_facts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <charconv>
#include <string_view>

#include "core/scan/proc_files.hpp"

namespace grid {
namespace {

constexpr std::size_t max_text_bytes = 256U << 10U;
constexpr std::size_t max_maps_bytes = 1U << 20U;
constexpr std::size_t max_files = 1024;

// "pipe:[123]" → 123
std::optional<std::uint64_t> bracketed(std::string_view target, std::string_view kind) {
  if (!target.starts_with(kind) || !target.ends_with(']')) return std::nullopt;
  target.remove_prefix(kind.size());
  target.remove_suffix(1);
  std::uint64_t inode = 0;
  const auto [end, error] = std::from_chars(target.data(), target.data() + target.size(), inode);
  if (error != std::errc() || end != target.data() + target.size()) return std::nullopt;
  return inode;
}

OpenFile::Kind kind_of_device(std::string_view path) {
  for (const std::string_view name : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    if (path == name) return OpenFile::Kind::harmless;
  }
  if (path.starts_with("/dev/pts/") || path.starts_with("/dev/tty") || path == "/dev/console")
    return OpenFile::Kind::terminal;
  for (const std::string_view name : {"/dev/nvidia", "/dev/kfd", "/dev/dri/", "/dev/accel/"}) {
    if (path.starts_with(name)) return OpenFile::Kind::gpu;
  }
  return OpenFile::Kind::device;
}

// What an open path is: by its own mode, and where that cannot be had (fixtures, another mount namespace) by
// its name.
OpenFile::Kind kind_of_path(int proc, const std::string& link, std::string_view target) {
  struct stat status {};
  if (::fstatat(proc, link.c_str(), &status, 0) != 0) {
    return target.starts_with("/dev/") && !target.starts_with("/dev/shm/") ? kind_of_device(target)
                                                                           : OpenFile::Kind::regular;
  }
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) return kind_of_device(target);
  if (S_ISFIFO(status.st_mode)) return OpenFile::Kind::pipe;
  return S_ISREG(status.st_mode) ? OpenFile::Kind::regular : OpenFile::Kind::harmless;
}

// Absent: closed meanwhile.
std::optional<OpenFile> read_open_file(int proc, std::int32_t pid, const std::string& number) {
  const auto link = "fd/" + number;
  auto target = read_proc_link(proc, pid, link);
  if (!target) return std::nullopt;
  OpenFile file;
  std::from_chars(number.data(), number.data() + number.size(), file.number);
  if (const auto pipe = bracketed(*target, "pipe:[")) {
    file.kind = OpenFile::Kind::pipe;
    file.inode = *pipe;
  } else if (const auto socket = bracketed(*target, "socket:[")) {
    file.kind = OpenFile::Kind::socket;
    file.inode = *socket;
  } else if (target->starts_with('/') && !target->starts_with("/memfd:")) {
    file.kind = kind_of_path(proc, proc_name(pid, link), *target);
  }
  file.target = std::move(*target);
  if (file.kind == OpenFile::Kind::regular || file.kind == OpenFile::Kind::pipe) {
    const auto text = read_proc(proc, pid, "fdinfo/" + number, max_text_bytes);
    if (const auto info = parse_fdinfo(text.bytes.value_or(""))) file.access = *info;
  }
  return file;
}

std::optional<std::vector<OpenFile>> read_open_files(int proc, std::int32_t pid) {
  const auto numbers = list_proc(proc, pid, "fd", max_files);
  if (!numbers || numbers->size() == max_files) return std::nullopt;
  std::vector<OpenFile> files;
  for (const auto& number : *numbers) {
    if (auto file = read_open_file(proc, pid, number)) files.push_back(std::move(*file));
  }
  return files;
}

// The kernel marks a name that is gone, but a name may end so by itself.
std::optional<bool> program_deleted(int proc, std::int32_t pid) {
  const auto target = read_proc_link(proc, pid, "exe");
  if (!target) return std::nullopt;
  if (!target->ends_with(" (deleted)")) return false;
  struct stat running {};
  struct stat named {};
  return ::fstatat(proc, proc_name(pid, "exe").c_str(), &running, 0) != 0 ||
         ::stat(target->c_str(), &named) != 0 || running.st_dev != named.st_dev ||
         running.st_ino != named.st_ino;
}

std::optional<std::vector<std::string>> foreign(const std::optional<Namespaces>& theirs,
                                                const Namespaces& ours) {
  if (!theirs) return std::nullopt;
  std::vector<std::string> kinds;
  for (const auto& [kind, name] : ours) {
    if (const auto at = theirs->find(kind); at != theirs->end() && at->second != name) kinds.push_back(kind);
  }
  return kinds;
}

std::string batch_system(std::string_view environment, std::string_view cgroup) {
  if (cgroup.find("/slurm") != std::string_view::npos || find_variable(environment, "SLURM_JOB_ID"))
    return "Slurm";
  if (find_variable(environment, "PBS_JOBID")) return "PBS";
  if (find_variable(environment, "LSB_JOBID")) return "LSF";
  return {};
}

// One that ended while it was read left half of its facts unread, which would count as unreadable.
bool lives_on(int proc, const ProcessRow& row) {
  const auto line = read_proc(proc, row.pid, "stat", 4096).bytes;
  ProcessRow now;
  return line && parse_stat(*line, now) && now.id() == row.id() && now.zombie() == row.zombie();
}

}  // namespace

std::optional<Namespaces> read_namespaces(int proc, std::int32_t pid) {
  Namespaces namespaces;
  for (const char* kind : {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}) {
    if (auto name = read_proc_link(proc, pid, std::string("ns/") + kind))
      namespaces.emplace(kind, std::move(*name));
  }
  if (namespaces.empty()) return std::nullopt;
  return namespaces;
}

std::optional<ProcessFacts> read_process_facts(int proc, const ProcessRow& row, const Namespaces& ours) {
  ProcessFacts facts;
  facts.id = row.id();
  facts.comm = row.comm;
  facts.kernel_thread = row.kernel_thread();
  facts.zombie = row.zombie();
  facts.in_foreground = row.tty_nr != 0 && row.tpgid == row.pgrp;
  if (const auto text = read_proc(proc, row.pid, "cmdline", max_text_bytes); text.bytes) {
    facts.argv = split_at_nul(*text.bytes);
    facts.title = text.cut || is_title(*text.bytes);
  }
  if (const auto text = read_proc(proc, row.pid, "status", max_text_bytes); text.bytes)
    facts.status = parse_status(*text.bytes);
  const auto cgroup = read_proc(proc, row.pid, "cgroup", max_text_bytes).bytes.value_or("");
  const auto environment = read_proc(proc, row.pid, "environ", max_text_bytes).bytes.value_or("");
  facts.batch_system = batch_system(environment, parse_cgroup(cgroup));
  facts.grid_execution = find_variable(environment, "GRID_EXECUTION").value_or("");
  facts.program_deleted = program_deleted(proc, row.pid);
  facts.root = read_proc_link(proc, row.pid, "root");
  facts.foreign_namespaces = foreign(read_namespaces(proc, row.pid), ours);
  facts.files = read_open_files(proc, row.pid);
  if (const auto text = read_proc(proc, row.pid, "maps", max_maps_bytes); text.bytes) {
    facts.written_maps = parse_written_maps(*text.bytes);
  }
  if (!lives_on(proc, row)) return std::nullopt;
  return facts;
}

std::vector<std::uint64_t> read_held_inodes(int proc, std::int32_t pid) {
  std::vector<std::uint64_t> inodes;
  for (const auto& number : list_proc(proc, pid, "fd", max_files).value_or(std::vector<std::string>())) {
    const auto target = read_proc_link(proc, pid, "fd/" + number).value_or("");
    if (const auto pipe = bracketed(target, "pipe:[")) inodes.push_back(*pipe);
    if (const auto socket = bracketed(target, "socket:[")) inodes.push_back(*socket);
  }
  return inodes;
}

bool runs_same_program(int proc, std::int32_t one, std::int32_t other) {
  struct stat a {};
  struct stat b {};
  if (::fstatat(proc, proc_name(one, "exe").c_str(), &a, 0) == 0 &&
      ::fstatat(proc, proc_name(other, "exe").c_str(), &b, 0) == 0) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
  }
  const auto arguments = read_proc(proc, one, "cmdline", max_text_bytes).bytes;
  return arguments && !arguments->empty() &&
         arguments == read_proc(proc, other, "cmdline", max_text_bytes).bytes;
}

}  // namespace grid
