#include "core/scan/process_list.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>

#include "core/scan/process_table.hpp"

namespace grid {

Result<std::vector<ListedProcess>> list_processes(const std::filesystem::path& file_root) {
  ProcessTable table(file_root, 0);
  if (auto passed = table.pass(boot_clock()); !passed) return fail(passed.error());

  std::vector<char> buffer(128U << 10U);
  std::vector<ListedProcess> list;
  list.reserve(table.rows().size());
  for (auto& row : table.take_rows()) {
    auto& one = list.emplace_back();
    std::array<char, 32> name;
    char* end = std::to_chars(name.data(), name.data() + 16, row.pid).ptr;
    *end = '\0';
    struct statx owner {};
    if (::statx(table.proc(), name.data(), 0, STATX_UID, &owner) == 0) one.uid = owner.stx_uid;
    std::memcpy(end, "/cmdline", 9);
    if (const Fd file(::openat(table.proc(), name.data(), O_RDONLY | O_CLOEXEC)); file) {
      const auto size = ::read(file.get(), buffer.data(), buffer.size());
      if (size >= 0) one.args.emplace(buffer.data(), static_cast<std::size_t>(size));
    }
    if (const auto age = table.age_seconds(row); age > 0) {
      row.cpu_fraction = static_cast<double>(row.cpu_ticks) / ticks_per_second() / age;
    }
    one.row = std::move(row);
  }
  return list;
}

}  // namespace grid
