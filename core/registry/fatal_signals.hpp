// What a process does when it dies of a fatal signal: it leaves one byte that says which plugin it died in.
#pragma once

namespace grid {

// Handles SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT, then lets the process die of the same signal (or run
// the handler that was there before). Idempotent. Once, early in main(), where a marker folder is used. [any]
void install_fatal_signal_handler();

// Gives the calling thread a stack for that handler, so that it also answers when the thread's own is used
// up. [any]
void use_signal_stack();

}  // namespace grid
