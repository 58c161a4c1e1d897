#include "core/scan/proc_text.hpp"

#include <algorithm>
#include <charconv>

namespace grid {
namespace {

// Takes the next line, without its end, off `text`.
std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view take_word(std::string_view& line) {
  const auto first = std::min(line.find_first_not_of(" \t"), line.size());
  line.remove_prefix(first);
  const auto end = std::min(line.find_first_of(" \t"), line.size());
  const auto word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

template <class Number>
std::optional<Number> number(std::string_view word, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<StatusFile::Ids> ids(std::string_view line) {
  const auto real = number<std::uint32_t>(take_word(line));
  const auto effective = number<std::uint32_t>(take_word(line));
  const auto saved = number<std::uint32_t>(take_word(line));
  if (!real || !effective || !saved) return std::nullopt;
  return StatusFile::Ids{*real, *effective, *saved};
}

}  // namespace

std::vector<std::string> split_at_nul(std::string_view bytes) {
  std::vector<std::string> parts;
  while (!bytes.empty()) {
    const auto end = std::min(bytes.find('\0'), bytes.size());
    parts.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return parts;
}

bool is_title(std::string_view cmdline) {
  const auto end = std::min(cmdline.find('\0'), cmdline.size());
  const bool ended_once = end + 1 == cmdline.size();
  const bool only_padding = cmdline.find_first_not_of('\0', end) == std::string_view::npos;
  return !ended_once && only_padding && cmdline.substr(0, end).find(' ') != std::string_view::npos;
}

std::optional<std::string> find_variable(std::string_view environ, std::string_view name) {
  while (!environ.empty()) {
    const auto end = std::min(environ.find('\0'), environ.size());
    const auto entry = environ.substr(0, end);
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('=')) {
      return std::string(entry.substr(name.size() + 1));
    }
    environ.remove_prefix(std::min(end + 1, environ.size()));
  }
  return std::nullopt;
}

std::string join_command(const std::vector<std::string>& argv, std::string_view comm, std::size_t max_bytes) {
  std::string command;
  for (const auto& argument : argv) {
    if (!command.empty()) command += ' ';
    command.append(argument, 0, max_bytes);
    if (command.size() >= max_bytes) break;
  }
  command.resize(std::min(command.size(), max_bytes));
  if (command.find_first_not_of(' ') == std::string::npos) return '[' + std::string(comm) + ']';
  return command;
}

StatusFile parse_status(std::string_view text) {
  StatusFile status;
  while (!text.empty()) {
    auto line = take_line(text);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto key = line.substr(0, colon);
    line.remove_prefix(colon + 1);
    if (key == "Uid") {
      status.uids = ids(line);
    } else if (key == "Gid") {
      status.gids = ids(line);
    } else if (key == "TracerPid") {
      status.tracer = number<std::int32_t>(take_word(line));
    } else if (key == "CapEff") {
      status.effective_capabilities = number<std::uint64_t>(take_word(line), 16);
    } else if (key == "Umask") {
      status.umask = number<std::uint32_t>(take_word(line), 8);
    }
  }
  return status;
}

std::string parse_cgroup(std::string_view text) {
  std::string_view longest;
  std::string_view systemd;
  while (!text.empty()) {
    const auto line = take_line(text);  // id:controllers:path
    const auto first = line.find(':');
    const auto second = line.find(':', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const auto path = line.substr(second + 1);
    if (controllers.empty() || controllers == "name=systemd")
      systemd = std::max(systemd, path, [](auto a, auto b) { return a.size() < b.size(); });
    if (path.size() > longest.size()) longest = path;
  }
  return std::string(systemd.size() > 1 ? systemd : longest);
}

std::optional<FdInfo> parse_fdinfo(std::string_view text) {
  FdInfo info;
  bool known = false;
  while (!text.empty()) {
    auto line = take_line(text);
    const auto key = take_word(line);
    if (key == "lock:") info.locked = true;
    if (key != "flags:") continue;
    const auto flags = number<std::uint32_t>(take_word(line), 8);
    if (!flags) return std::nullopt;
    known = true;
    info.readable = (*flags & 3U) != 1;
    info.writable = (*flags & 3U) != 0;
  }
  if (!known) return std::nullopt;
  return info;
}

std::vector<std::string> parse_written_maps(std::string_view text) {
  std::vector<std::string> paths;
  while (!text.empty()) {
    auto line = take_line(text);  // range mode offset device inode path
    take_word(line);
    const auto mode = take_word(line);
    if (mode.size() != 4 || mode[1] != 'w' || mode[3] != 's') continue;
    for (int i = 0; i < 3; ++i) take_word(line);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (!line.starts_with('/') || line.starts_with("/dev/") || line.starts_with("/memfd:") ||
        line.starts_with("/SYSV")) {
      continue;
    }
    if (std::find(paths.begin(), paths.end(), line) == paths.end()) paths.emplace_back(line);
  }
  return paths;
}

}  // namespace grid
