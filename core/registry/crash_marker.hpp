// Which plugin each thread of this process is inside of, kept in a small mapped file that survives the
// process. No call is synced: the page cache outlives the process, and the death of the machine blames
// nobody.
//
// One file a process, `entered-<pid>-<start>`, locked as long as the process lives: a file that can be locked
// is a dead process's. See crash_verdict.hpp for what is made of it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "grid/sdk/fd.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

enum class EntryState : char {
  free = 0,
  filling = 'f',
  inside = 'i',
  outside = 'o',    // the plugin called the host back and that has not returned
  abandoned = 'a',  // overran its deadline: dying now is no longer its fault, unless it is
  died = 'X',       // written by the fatal-signal handler
};

// Part of the file's format.
struct EntrySlot {
  std::atomic<EntryState> state;
  std::atomic<std::uint8_t> signal;
  std::array<char, 80> plugin;  // "policy.threshold", ends in NUL
  std::array<char, 30> call;
  std::int64_t since_ms;  // wall clock
};

struct EntryFile {
  std::array<char, 8> magic;
  std::atomic<std::uint8_t> died_outside;  // the signal that hit a thread which was in no plugin; 0: none
  std::array<EntrySlot, 64> slots;
};
inline constexpr std::array<char, 8> entry_magic{'g', 'r', 'i', 'd', 'i', 'n', '0', '1'};

class CrashMarker {
 public:
  // Makes this process's file in `folder`, a private folder. Error: storage_failed.
  [[nodiscard]] static Result<std::shared_ptr<CrashMarker>> create(const std::filesystem::path& folder);
  // Removes the file: a process that ends in order blames nobody.
  ~CrashMarker();
  CrashMarker(const CrashMarker&) = delete;
  CrashMarker& operator=(const CrashMarker&) = delete;

  // A free slot, or null when all are taken: that call then goes unmarked. [any]
  [[nodiscard]] EntrySlot* claim() noexcept;

 private:
  CrashMarker(std::filesystem::path path, Fd fd, EntryFile* file);
  std::filesystem::path path_;
  Fd fd_;
  EntryFile* file_;
};

// While it lives, this thread is inside `plugin`. Scopes nest.
class Entered {
 public:
  Entered(CrashMarker* marker, std::string_view plugin, std::string_view call) noexcept;
  ~Entered();
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  EntrySlot* slot_;
  EntrySlot* outer_;
};

// While it lives, this thread is back in the host although a plugin's call is further up its stack.
class LeftPlugin {
 public:
  LeftPlugin() noexcept;
  ~LeftPlugin();
  LeftPlugin(const LeftPlugin&) = delete;
  LeftPlugin& operator=(const LeftPlugin&) = delete;

 private:
  EntrySlot* slot_;
};

// The slot of the innermost scope of this thread; null outside of every plugin, or where nothing is marked.
[[nodiscard]] EntrySlot* current_entry() noexcept;
// From another thread: the plugin in `slot` (or null) overran its deadline and is left behind.
void mark_abandoned(EntrySlot* slot) noexcept;

// For the fatal-signal handler, async-signal-safe: confirms that this thread dies now, inside a plugin or
// outside of all.
void mark_death(int signal) noexcept;

}  // namespace grid
