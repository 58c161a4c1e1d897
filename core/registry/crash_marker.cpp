#include "core/registry/crash_marker.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "core/base/files.hpp"
#include "core/base/text.hpp"

namespace grid {
namespace {

static_assert(std::atomic<EntryState>::is_always_lock_free && std::atomic<std::uint8_t>::is_always_lock_free);

// Both are read by a signal handler: plain words without any initialisation at run time.
constinit thread_local EntrySlot* current = nullptr;
constinit std::atomic<std::atomic<std::uint8_t>*> died_outside{nullptr};

template <std::size_t N>
void copy_text(std::array<char, N>& to, std::string_view text) noexcept {
  const std::size_t length = std::min(text.size(), N - 1);
  std::memcpy(to.data(), text.data(), length);
  to[length] = '\0';
}

void change(EntrySlot* slot, EntryState from, EntryState to) noexcept {
  if (slot != nullptr) slot->state.compare_exchange_strong(from, to);
}

}  // namespace

Result<std::shared_ptr<CrashMarker>> CrashMarker::create(const std::filesystem::path& folder) {
  // The random part tells processes apart that had the same pid, and several markers of one process.
  const std::filesystem::path path = folder / ("entered-" + std::to_string(::getpid()) + "-" + random_hex(6));
  const auto failed = [&](int error) {
    return fail(Code::storage_failed, "cannot make " + path.string() + ": " + errno_text(error));
  };
  // Whoever settles the files of the dead holds this lock, so that none is taken for dead before it is
  // locked.
  const Fd settling(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!settling || ::flock(settling.get(), LOCK_EX) != 0) return failed(errno);
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  // Real blocks: a hole that finds the disk full later would be a SIGBUS.
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return failed(errno);
  void* memory = MAP_FAILED;
  if (const int error = ::posix_fallocate(fd.get(), 0, sizeof(EntryFile)); error == 0)
    memory = ::mmap(nullptr, sizeof(EntryFile), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  else
    errno = error;
  if (memory == MAP_FAILED) {
    const int error = errno;
    ::unlink(path.c_str());
    return failed(error);
  }
  return std::shared_ptr<CrashMarker>(new CrashMarker(path, std::move(fd), new (memory) EntryFile{}));
}

CrashMarker::CrashMarker(std::filesystem::path path, Fd fd, EntryFile* file)
    : path_(std::move(path)), fd_(std::move(fd)), file_(file) {
  file_->magic = entry_magic;
  died_outside = &file_->died_outside;
}

CrashMarker::~CrashMarker() {
  std::atomic<std::uint8_t>* mine = &file_->died_outside;
  died_outside.compare_exchange_strong(mine, nullptr);
  ::unlink(path_.c_str());
  ::munmap(file_, sizeof(EntryFile));
}

EntrySlot* CrashMarker::claim() noexcept {
  for (EntrySlot& slot : file_->slots) {
    EntryState free = EntryState::free;
    if (slot.state.load(std::memory_order_relaxed) == free &&
        slot.state.compare_exchange_strong(free, EntryState::filling))
      return &slot;
  }
  return nullptr;
}

Entered::Entered(CrashMarker* marker, std::string_view plugin, std::string_view call) noexcept
    : slot_(marker != nullptr ? marker->claim() : nullptr), outer_(current) {
  if (slot_ == nullptr) return;
  copy_text(slot_->plugin, plugin);
  copy_text(slot_->call, call);
  slot_->since_ms = system_now().wall.time_since_epoch().count();
  slot_->state = EntryState::inside;
  current = slot_;
}

Entered::~Entered() {
  if (slot_ == nullptr) return;
  slot_->state = EntryState::free;
  current = outer_;
}

LeftPlugin::LeftPlugin() noexcept : slot_(current) {
  change(slot_, EntryState::inside, EntryState::outside);
  current = nullptr;
}

LeftPlugin::~LeftPlugin() {
  change(slot_, EntryState::outside, EntryState::inside);
  current = slot_;
}

EntrySlot* current_entry() noexcept { return current; }

void mark_abandoned(EntrySlot* slot) noexcept { change(slot, EntryState::inside, EntryState::abandoned); }

void mark_death(int signal) noexcept {
  if (current != nullptr) {
    current->signal = static_cast<std::uint8_t>(signal);
    current->state = EntryState::died;
  } else if (auto* outside = died_outside.load()) {
    *outside = static_cast<std::uint8_t>(signal);
  }
}

}  // namespace grid
