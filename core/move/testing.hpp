// Real processes for the tests of this folder: trees that count, so that it shows whether they run.
#pragma once

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>
#include <vector>

#include "core/move/process.hpp"

namespace grid {

template <class Condition>
bool wait_until(Condition holds, std::chrono::milliseconds deadline = std::chrono::seconds(5)) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// A page that a test shares with everything it forks.
struct Board {
  struct Slot {
    std::atomic<pid_t> pid{0};
    std::atomic<std::uint64_t> beats{0};
  };
  std::array<Slot, 64> slots;
  std::atomic<bool> flag{false};
  std::atomic<std::uint64_t> count{0};
};

class Tree {
 public:
  // Runs `body` in a child, the root, which dies with everything below when the test ends.
  explicit Tree(const std::function<void(Board&)>& body)
      : board_(new (::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
                   Board) {
    root_ = fork_below(*board_, 0, body);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() {
    board_->flag = true;
    end();
    ::munmap(board_, sizeof(Board));
  }

  // To be called in the tree too. Whoever loses its parent dies, and nobody outlives a test that crashed.
  static pid_t fork_below(Board& board, std::size_t slot, const std::function<void(Board&)>& body) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(60);
    board.slots[slot].pid = ::getpid();
    body(board);
    ::_exit(0);
  }
  static void beat(Board& board, std::size_t slot) {
    for (;;) {
      ++board.slots[slot].beats;
      ::usleep(500);
    }
  }

  void end() {
    if (root_ <= 0) return;
    ::kill(root_, SIGKILL);
    ::waitpid(root_, nullptr, 0);
    root_ = -1;
  }
  [[nodiscard]] Board& board() { return *board_; }
  [[nodiscard]] pid_t pid() const { return root_; }
  [[nodiscard]] ProcessId root() const { return read_process(root_).value_or(ProcessFacts{}).id; }
  [[nodiscard]] ProcessId id(std::size_t slot) const {
    return read_process(board_->slots[slot].pid).value_or(ProcessFacts{}).id;
  }
  [[nodiscard]] char state(std::size_t slot) const {
    return read_process(board_->slots[slot].pid).value_or(ProcessFacts{}).state;
  }
  // All slots below `count` have come to life and beat.
  [[nodiscard]] bool beats(std::size_t count) {
    std::vector<std::uint64_t> before;
    for (std::size_t i = 0; i < count; ++i) before.push_back(board_->slots[i].beats);
    return wait_until([&] {
      for (std::size_t i = 0; i < count; ++i)
        if (board_->slots[i].beats <= before[i] + 1) return false;
      return true;
    });
  }
  [[nodiscard]] bool all_are(char wanted, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i)
      if (state(i) != wanted) return false;
    return true;
  }

 private:
  Board* board_;
  pid_t root_ = -1;
};

// Slot 0 the root; 1 to 3 its children, 3 in a session of its own; 4 to 6 their children.
inline void family(Board& board) {
  for (std::size_t child = 1; child <= 3; ++child)
    Tree::fork_below(board, child, [child](Board& b) {
      if (child == 3) ::setsid();
      Tree::fork_below(b, child + 3, [child](Board& c) { Tree::beat(c, child + 3); });
      Tree::beat(b, child);
    });
  Tree::beat(board, 0);
}
inline constexpr std::size_t family_size = 7;

}  // namespace grid
