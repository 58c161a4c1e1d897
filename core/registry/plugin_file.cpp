#include "core/registry/plugin_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <memory>

#include "core/base/files.hpp"

namespace grid {
namespace {

constexpr std::string_view prefix = "grid_";
constexpr std::string_view suffix = ".so";

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

std::deque<std::string> components(const std::filesystem::path& path) {
  std::deque<std::string> parts;
  for (const auto& part : path.relative_path())
    if (!part.empty() && part != ".") parts.push_back(part.string());
  return parts;
}

// Walks a path by hand, as the kernel does, because each link on the way counts.
class TrustWalk {
 public:
  explicit TrustWalk(const std::filesystem::path& file) : file_(file), rest_(components(file)) {}

  Result<> run() {
    while (!rest_.empty()) {
      if (auto safe = check_folder(); !safe) return safe;
      std::string part = std::move(rest_.front());
      rest_.pop_front();
      if (part == "..") {
        here_ = here_.parent_path();
        continue;
      }
      if (auto taken = step(here_ / part); !taken) return taken;
    }
    return {};
  }

 private:
  tl::unexpected<Error> refuse(const std::filesystem::path& what, std::string_view why,
                               std::string hint) const {
    const std::string where = what == file_ ? "it" : quoted(what);
    return fail(Code::policy_denied, quoted(file_) + " is not loaded: " + where + " " + std::string(why),
                std::move(hint));
  }

  // In a sticky folder nobody can replace what belongs to somebody else, so it may stand above, but not hold
  // the plugin.
  Result<> check_folder() const {
    struct stat facts {};
    if (::lstat(here_.c_str(), &facts) != 0) return missing(here_);
    const bool shared = (facts.st_mode & 0022U) != 0;
    const bool sticky_above = (facts.st_mode & S_ISVTX) != 0 && rest_.size() > 1;
    if (!shared || sticky_above) return {};
    return refuse(here_, "may be written by others", "chmod go-w " + quoted(here_));
  }

  Result<> step(const std::filesystem::path& next) {
    struct stat facts {};
    if (::lstat(next.c_str(), &facts) != 0) return missing(next);
    if (facts.st_uid != 0 && facts.st_uid != ::geteuid())
      return refuse(next, "belongs to another user (uid " + std::to_string(facts.st_uid) + ")",
                    "copy the plugin to a folder of your own");
    if (S_ISLNK(facts.st_mode)) return follow(next);
    here_ = next;
    if (!rest_.empty()) return {};
    if (!S_ISREG(facts.st_mode)) return refuse(next, "is not a regular file", "remove it");
    if ((facts.st_mode & 0022U) != 0)
      return refuse(next, "may be written by others", "chmod go-w " + quoted(next));
    return {};
  }

  Result<> follow(const std::filesystem::path& link) {
    std::array<char, PATH_MAX> target;
    const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
    if (length < 0) return missing(link);
    if (++links_ > 40) return refuse(link, "leads through too many symbolic links", "remove it");
    const std::filesystem::path to(std::string(target.data(), static_cast<std::size_t>(length)));
    if (to.is_absolute()) here_ = "/";
    std::deque<std::string> parts = components(to);
    rest_.insert(rest_.begin(), parts.begin(), parts.end());
    return {};
  }

  Result<> missing(const std::filesystem::path& what) const {
    const int error = errno;
    return refuse(what, "cannot be looked at: " + errno_text(error), "remove the file or the broken link");
  }

  std::filesystem::path file_;
  std::deque<std::string> rest_;      // components still to take
  std::filesystem::path here_ = "/";  // a folder without any link in its path
  int links_ = 0;
};

}  // namespace

std::optional<Kind> kind_from_string(std::string_view text) noexcept {
  for (const Kind kind : {Kind::policy, Kind::transport, Kind::metrics, Kind::renderer})
    if (to_string(kind) == text) return kind;
  return std::nullopt;
}

std::string plugin_id(Kind kind, std::string_view name) {
  return std::string(to_string(kind)) + "." + std::string(name);
}

std::optional<PluginFile> plugin_from_path(const std::filesystem::path& path) {
  const std::string file = path.filename().string();
  std::string_view word = file;
  if (!word.starts_with(prefix) || !word.ends_with(suffix) || word.size() <= prefix.size() + suffix.size())
    return std::nullopt;
  word = word.substr(prefix.size(), word.size() - prefix.size() - suffix.size());
  const std::size_t bar = word.find('_');
  if (bar == std::string_view::npos) return std::nullopt;
  const auto kind = kind_from_string(word.substr(0, bar));
  const std::string_view name = word.substr(bar + 1);
  if (!kind || !is_name(name)) return std::nullopt;
  return PluginFile{*kind, std::string(name), path};
}

std::vector<PluginFile> find_plugins(const std::vector<std::filesystem::path>& folders) {
  std::vector<PluginFile> found;
  for (const auto& folder : folders) {
    const std::unique_ptr<DIR, decltype([](DIR* dir) { ::closedir(dir); })> dir(::opendir(folder.c_str()));
    if (!dir) continue;
    while (const dirent* entry = ::readdir(dir.get()))
      if (auto plugin = plugin_from_path(folder / entry->d_name)) found.push_back(std::move(*plugin));
  }
  std::ranges::stable_sort(found, [](const PluginFile& a, const PluginFile& b) {
    return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
  });
  return found;
}

std::vector<PluginFile> find_plugin(const std::vector<std::filesystem::path>& folders, Kind kind,
                                    std::string_view name) {
  std::vector<PluginFile> found;
  for (const auto& folder : folders) {
    auto plugin =
        plugin_from_path(folder / ("grid_" + std::string(to_string(kind)) + "_" + std::string(name) + ".so"));
    // A link that leads nowhere is there all the same: it is refused later, by name.
    std::error_code error;
    if (plugin && std::filesystem::exists(std::filesystem::symlink_status(plugin->path, error)))
      found.push_back(std::move(*plugin));
  }
  return found;
}

Result<> check_trusted(const std::filesystem::path& file) {
  if (!file.is_absolute())
    return fail(Code::policy_denied, quoted(file) + " is not loaded: its folder is no absolute path",
                "give the folder from / on");
  return TrustWalk(file).run();
}

}  // namespace grid
