// Finds what an element wrote: its own file once it ended, before that the one of its slot.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "directory.hpp"
#include "grid/sdk/fd.hpp"

namespace grid::local {
namespace {

namespace fs = std::filesystem;
namespace rd = run_directory;

constexpr std::uint64_t most_bytes = 16U << 20U;  // in one chunk

Result<LogChunk> read_part(const Fd& file, std::uint64_t offset, std::uint64_t max_bytes, bool final) {
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return fail_errno("log", errno);
  LogChunk chunk;
  chunk.offset = offset;
  chunk.size = static_cast<std::uint64_t>(facts.st_size);
  chunk.final = final;
  if (offset >= chunk.size) return chunk;
  chunk.bytes.resize(std::min({max_bytes, chunk.size - offset, most_bytes}));
  std::size_t done = 0;
  while (done < chunk.bytes.size()) {
    const ssize_t n = ::pread(file.get(), chunk.bytes.data() + done, chunk.bytes.size() - done,
                              static_cast<off_t>(offset + done));
    if (n < 0) return fail_errno("log", errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  chunk.bytes.resize(done);
  return chunk;
}

}  // namespace

Result<LogChunk> read_log(const fs::path& folder, std::uint32_t element, Stream stream, std::uint64_t offset,
                          std::uint64_t max_bytes) {
  const fs::path own = folder / rd::log_name(element, stream);
  if (const Fd file(::open(own.c_str(), O_RDONLY | O_CLOEXEC)); file)
    return read_part(file, offset, max_bytes, true);
  auto records = read_journal(folder);
  const bool abandoned = records && !live_shim(*records);
  if (abandoned) records = read_journal(folder);  // now nobody adds to it
  if (!records) return fail(records.error());
  const rd::StartedRecord* started = nullptr;
  bool ended = false;
  for (const auto& record : *records) {
    if (const auto* const start = std::get_if<rd::StartedRecord>(&record);
        start && start->element == element) {
      started = start;
    }
    if (const auto* const exit = std::get_if<rd::ExitedRecord>(&record))
      ended = ended || exit->element == element;
  }
  LogChunk nothing;
  nothing.offset = offset;
  nothing.final = ended;
  if (ended || started == nullptr) {
    // It may have ended, and got its file, after the first look.
    const Fd file(::open(own.c_str(), O_RDONLY | O_CLOEXEC));
    return file ? read_part(file, offset, max_bytes, true) : Result<LogChunk>(nothing);
  }
  if (!started->slot) return nothing;  // written by another kind of shim, which this transport never starts
  const fs::path slot = folder / rd::slot_log_name(*started->slot, stream);
  const Fd file(::open(slot.c_str(), O_RDONLY | O_CLOEXEC));
  auto chunk = file ? read_part(file, offset, max_bytes, abandoned) : Result<LogChunk>(nothing);
  // The slot is still its own as long as its process was not waited for, or nobody is left to use the slot
  // again.
  const auto facts = rd::process_facts(started->process.pid);
  if (abandoned || (facts && facts->id == started->process)) return chunk;
  const Fd later(::open(own.c_str(), O_RDONLY | O_CLOEXEC));
  return later ? read_part(later, offset, max_bytes, true) : Result<LogChunk>(nothing);
}

}  // namespace grid::local
