// A computation that can stand still: a stack of its own and the place where it stopped. The
// emulator gives every GPU thread one, so that a barrier in the middle of a kernel is a function
// that returns later, and a debugger sees an ordinary call stack.
//
// Switching costs a dozen instructions, and no call into the system. Threads of the system would do
// the same 30 times slower, ucontext 10 times (it saves the signal mask); coroutines would be
// faster, but every function that may wait would have to be written as one.
#pragma once
#include <cstddef>

namespace glass::emulator {

struct Fiber {
  void* stopped_at = nullptr;   // its stack pointer while another one runs
  std::byte* stack = nullptr;   // the lowest address
  std::size_t bytes = 0;
  void* race_detector = nullptr;   // what ThreadSanitizer and AddressSanitizer know it by
  void* fake_stack = nullptr;
  unsigned uses = 0;   // of what race_detector is
};

// The computation that is running, from the stack it happens to be on.
void adopt_running(Fiber&);
// entry() will run on that stack, beginning `below_top` bytes below its end, when somebody switches
// to it. It never returns.
void prepare(Fiber&, std::byte* stack, std::size_t bytes, std::size_t below_top, void (*entry)());
// The first thing entry() does: `from` is who switched to it first.
void begin(Fiber& from);
// `from` stands still, `to` goes on. `last`: from will never go on.
void switch_fiber(Fiber& from, Fiber& to, bool last = false);
// Forgets a prepared fiber that will not go on.
void dismiss(Fiber&);

}   // namespace glass::emulator
