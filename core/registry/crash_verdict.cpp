#include "core/registry/crash_verdict.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <system_error>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/registry/crash_marker.hpp"
#include "core/registry/plugin_file.hpp"
#include "grid/sdk/fd.hpp"

namespace grid {
namespace {

std::filesystem::path disabled_path(const std::filesystem::path& folder, std::string_view plugin) {
  return folder / ("disabled-" + std::string(plugin));
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

template <std::size_t N>
std::string text_of(const std::array<char, N>& text) {
  return {text.data(), ::strnlen(text.data(), N)};
}

// A name out of a file becomes part of a path: only one that a plugin can have.
bool is_plugin_id(std::string_view id) {
  const std::size_t dot = id.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string file =
      "grid_" + std::string(id.substr(0, dot)) + "_" + std::string(id.substr(dot + 1)) + ".so";
  return plugin_from_path(file).has_value();
}

// The marker of a dead process; nothing while its owner lives, or when it holds no marker.
std::unique_ptr<EntryFile> read_dead(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return nullptr;
  auto file = std::make_unique<EntryFile>();
  const bool whole =
      ::pread(fd.get(), file.get(), sizeof(EntryFile), 0) == static_cast<ssize_t>(sizeof(EntryFile));
  ::unlink(path.c_str());
  if (!whole || file->magic != entry_magic) return nullptr;
  return file;
}

class Judge {
 public:
  explicit Judge(std::filesystem::path folder) : folder_(std::move(folder)) {}

  Result<> judge(const EntryFile& file) {
    bool confirmed = file.died_outside != 0;
    for (const EntrySlot& slot : file.slots)
      if (slot.state == EntryState::died) {
        confirmed = true;
        if (auto done = disable(
                slot, "a process died of " + signal_name(slot.signal) + " in its " + text_of(slot.call));
            !done)
          return done;
      }
    if (confirmed) return {};
    for (const EntrySlot& slot : file.slots)
      if (slot.state == EntryState::inside)
        if (auto done = suspect(slot); !done) return done;
    return {};
  }
  std::vector<std::string> take_disabled() { return std::move(disabled_); }

 private:
  Result<> disable(const EntrySlot& slot, const std::string& how) {
    const std::string plugin = text_of(slot.plugin);
    if (!is_plugin_id(plugin)) return {};
    const std::string sentence =
        plugin + " is disabled: " + how + ", entered at " + rfc3339_ms(slot.since_ms);
    disabled_.push_back(sentence);
    return write_file(disabled_path(folder_, plugin), sentence + "\n");
  }

  Result<> suspect(const EntrySlot& slot) {
    const std::string plugin = text_of(slot.plugin);
    if (!is_plugin_id(plugin)) return {};
    const std::filesystem::path remembered = folder_ / ("suspect-" + plugin);
    std::error_code error;
    if (std::filesystem::remove(remembered, error))
      return disable(slot, "for the second time a process ended in the middle of its " + text_of(slot.call));
    return write_file(remembered, "a process ended in the middle of its " + text_of(slot.call) +
                                      ", entered at " + rfc3339_ms(slot.since_ms) + "\n");
  }

  std::filesystem::path folder_;
  std::vector<std::string> disabled_;
};

}  // namespace

Result<std::vector<std::string>> settle_crashes(const std::filesystem::path& folder) {
  const Fd settling(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!settling || ::flock(settling.get(), LOCK_EX) != 0)
    return fail(Code::storage_failed, "cannot lock " + (folder / "lock").string() + ": " + errno_text(errno));
  Judge judge(folder);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (!entry.path().filename().string().starts_with("entered-")) continue;
    if (const auto file = read_dead(entry.path()))
      if (auto judged = judge.judge(*file); !judged) return fail(judged.error());
  }
  return judge.take_disabled();
}

std::optional<Error> disabled_by_crash(const std::filesystem::path& folder, std::string_view plugin) {
  const std::filesystem::path path = disabled_path(folder, plugin);
  auto why = read_file(path, 4096);
  if (!why && why.error().code == Code::not_found) return std::nullopt;
  std::string sentence = why ? std::move(*why) : std::string(plugin) + " is disabled, " + why.error().message;
  while (sentence.ends_with('\n')) sentence.pop_back();
  return Error{Code::plugin_fault, std::move(sentence), "to use it again: rm '" + path.string() + "'",
               std::string(plugin), false};
}

}  // namespace grid
