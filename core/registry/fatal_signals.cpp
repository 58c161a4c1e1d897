#include "core/registry/fatal_signals.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <mutex>

#include "core/registry/crash_marker.hpp"

namespace grid {
namespace {

constexpr std::array signals{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr std::size_t stack_bytes = 64U << 10U;
std::array<struct sigaction, signals.size()> before;

// Async-signal-safe throughout.
void on_fatal(int signal, siginfo_t* info, void*) {
  const bool ours =
      info->si_code > 0 || info->si_pid == ::getpid();  // else somebody sent it: no plugin's fault
  if (ours) mark_death(signal);
  for (std::size_t i = 0; i < signals.size(); ++i)
    if (signals[i] == signal) ::sigaction(signal, &before[i], nullptr);
  // A fault of the processor happens again by itself, for whoever handled it before. A sent one does not.
  if (info->si_code <= 0) ::raise(signal);
}

struct SignalStack {
  SignalStack() {
    stack_t now{};
    ::sigaltstack(nullptr, &now);
    if ((now.ss_flags & SS_DISABLE) == 0) return;  // a sanitizer has made one
    memory =
        ::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return;
    const stack_t mine{memory, 0, stack_bytes};
    ::sigaltstack(&mine, nullptr);
  }
  ~SignalStack() {
    if (memory == MAP_FAILED) return;
    const stack_t none{nullptr, SS_DISABLE, 0};
    ::sigaltstack(&none, nullptr);
    ::munmap(memory, stack_bytes);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;
  void* memory = MAP_FAILED;
};

}  // namespace

void use_signal_stack() { static thread_local const SignalStack stack; }

void install_fatal_signal_handler() {
  use_signal_stack();
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = on_fatal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &action, &before[i]);
  });
}

}  // namespace grid
