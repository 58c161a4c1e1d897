#include <fcntl.h>
#include <sys/stat.h>

#include "core/scan/proc_files.hpp"
#include "core/scan/proc_text.hpp"
#include "core/scan/process_row.hpp"
#include "core/scan/scan.hpp"

namespace grid {
namespace {

constexpr std::size_t max_bytes = 4U << 20U;

}  // namespace

Result<Launch> read_launch(pid_t pid, const ScanOptions& options) {
  const auto path = options.file_root.empty() ? std::filesystem::path("/proc") : options.file_root / "proc";
  const Fd proc(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto name = "process " + std::to_string(pid);
  const auto identity = [&]() -> std::optional<ProcessId> {
    const auto line = read_proc(proc.get(), pid, "stat", 4096).bytes;
    ProcessRow row;
    return line && parse_stat(*line, row) && row.pid == pid ? std::optional(row.id()) : std::nullopt;
  };
  const auto before = identity();
  if (!before) return fail(Code::process_not_found, "no " + name, "see: grid offload scan");

  Launch launch;
  launch.process = *before;
  const auto arguments = read_proc(proc.get(), pid, "cmdline", max_bytes);
  const auto environment = read_proc(proc.get(), pid, "environ", max_bytes);
  launch.exe = read_proc_link(proc.get(), pid, "exe").value_or("");
  launch.cwd = read_proc_link(proc.get(), pid, "cwd").value_or("");
  launch.umask = parse_status(read_proc(proc.get(), pid, "status", max_bytes).bytes.value_or("")).umask;
  const auto input = read_proc_link(proc.get(), pid, "fd/0").value_or("");
  struct stat status {};
  if (::fstatat(proc.get(), proc_name(pid, "fd/0").c_str(), &status, 0) == 0 && S_ISREG(status.st_mode) &&
      status.st_nlink > 0) {
    launch.stdin_path = input;
  }
  if (identity() != before) return fail(Code::process_not_found, name + " ended", "see: grid offload scan");

  const bool has_arguments =
      arguments.bytes && !arguments.bytes->empty() && !arguments.cut && !is_title(*arguments.bytes);
  if (!has_arguments)
    return fail(Code::not_restartable, "the arguments of " + name + " cannot be read or were overwritten");
  if (!environment.bytes || environment.cut || launch.exe.empty() || launch.cwd.empty()) {
    return fail(Code::not_restartable, "program, folder or environment of " + name + " cannot be read",
                "is it yours?");
  }
  launch.argv = split_at_nul(*arguments.bytes);
  launch.environment = split_at_nul(*environment.bytes);
  return launch;
}

}  // namespace grid
