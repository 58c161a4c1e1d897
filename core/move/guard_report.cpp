#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>

#include "core/base/files.hpp"
#include "core/move/guard.hpp"

namespace grid {

Result<> append_guard_report(const std::filesystem::path& report, const GuardReport& line) {
  std::ostringstream out;
  out << line.unix_ms << ' ' << line.root.pid << ' ' << line.root.start_ticks << ' ' << line.continued.size();
  for (const ProcessId id : line.continued) out << ' ' << id.pid << ' ' << id.start_ticks;
  out << ' ' << line.problem << '\n';
  const std::string text = out.str();
  const Fd fd(::open(report.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0)
    return fail(Code::storage_failed, "cannot append to " + report.string() + ": " + errno_text(errno));
  return {};
}

Result<std::vector<GuardReport>> read_guard_reports(const std::filesystem::path& report) {
  auto content = read_file(report);
  if (!content && content.error().code == Code::not_found) return std::vector<GuardReport>();
  if (!content) return fail(std::move(content.error()));
  std::vector<GuardReport> reports;
  while (!content->empty()) {
    const std::size_t end = content->find('\n');
    if (end == std::string::npos) break;  // cut short
    std::istringstream in(content->substr(0, end));
    content->erase(0, end + 1);
    GuardReport line;
    std::size_t count = 0;
    in >> line.unix_ms >> line.root.pid >> line.root.start_ticks >> count;
    for (ProcessId id; count > 0 && in >> id.pid >> id.start_ticks; --count) line.continued.push_back(id);
    if (!in || count != 0) continue;
    in.get();
    std::getline(in, line.problem);
    reports.push_back(std::move(line));
  }
  return reports;
}

}  // namespace grid
