#include "kernels/emulator/fiber.h"

#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__has_feature)   // clang says it one way, gcc the other
#if __has_feature(thread_sanitizer)
#define GLASS_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define GLASS_ASAN 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define GLASS_TSAN 1
#endif
#ifdef __SANITIZE_ADDRESS__
#define GLASS_ASAN 1
#endif

#ifdef GLASS_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef GLASS_TSAN
extern "C" {
void* __tsan_get_current_fiber(void);
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
}

namespace {

// What ThreadSanitizer knows fibers by takes long to make, most of a megabyte each, so those that
// are dismissed serve again. They remember the calls that never returned, and have room for 64
// thousand.
constexpr unsigned kMostUses = 1000;
struct Known {
  void* fiber;
  unsigned uses;
};
struct KnownFibers {
  std::vector<Known> free;
  ~KnownFibers() {
    for (const Known& known : free) __tsan_destroy_fiber(known.fiber);
  }
};
thread_local KnownFibers known_fibers;

Known take_known_fiber() {
  std::vector<Known>& free = known_fibers.free;
  if (free.empty()) return {__tsan_create_fiber(0), 1};
  const Known last = free.back();
  free.pop_back();
  if (last.uses < kMostUses) return {last.fiber, last.uses + 1};
  __tsan_destroy_fiber(last.fiber);
  return {__tsan_create_fiber(0), 1};
}

}   // namespace
#endif

// glass_switch_stack(save, load): pushes what a function must preserve, keeps the stack pointer in
// *save, takes `load` for it and pops what was pushed there.
extern "C" void glass_switch_stack(void** save, void* load);
#if defined(__APPLE__)
#define GLASS_SYMBOL "_glass_switch_stack"
#else
#define GLASS_SYMBOL "glass_switch_stack"
#endif
#if defined(__x86_64__)
asm(".text\n.globl " GLASS_SYMBOL "\n" GLASS_SYMBOL R"(:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
#elif defined(__aarch64__)
asm(".text\n.globl " GLASS_SYMBOL "\n.p2align 2\n" GLASS_SYMBOL R"(:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
)");
#endif

namespace glass::emulator {
void adopt_running([[maybe_unused]] Fiber& fiber) {
#ifdef GLASS_TSAN
  fiber.race_detector = __tsan_get_current_fiber();
#endif
}

void prepare(Fiber& fiber, std::byte* stack, std::size_t bytes, std::size_t below_top,
             void (*entry)()) {
  fiber.stack = stack;
  fiber.bytes = bytes;
  std::byte* top = stack + ((bytes - below_top) & ~std::size_t{63});
#if defined(__x86_64__)
  void** sp = reinterpret_cast<void**>(top);
  *--sp = nullptr;   // a return address for entry, so that the stack is aligned as after a call
  *--sp = reinterpret_cast<void*>(entry);
  for (int saved = 0; saved < 6; ++saved) *--sp = nullptr;
  fiber.stopped_at = sp;
#else
  constexpr std::size_t kFrame = 160, kReturnAddress = 88;
  std::memset(top - kFrame, 0, kFrame);
  std::memcpy(top - kFrame + kReturnAddress, &entry, sizeof entry);
  fiber.stopped_at = top - kFrame;
#endif
#ifdef GLASS_TSAN
  const Known known = take_known_fiber();
  fiber.race_detector = known.fiber;
  fiber.uses = known.uses;
#endif
#ifdef GLASS_ASAN   // the frames of the stack's last user never returned: their red zones are still
                    // marked
  constexpr std::size_t kTouched = 16384;   // no kernel goes deeper
  __asan_unpoison_memory_region(stack + bytes - kTouched, kTouched);
#endif
}

void begin([[maybe_unused]] Fiber& from) {
#ifdef GLASS_ASAN
  const void* bottom = nullptr;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &from.bytes);
  from.stack = static_cast<std::byte*>(const_cast<void*>(bottom));
#endif
}

void switch_fiber(Fiber& from, Fiber& to, [[maybe_unused]] bool last) {
#ifdef GLASS_TSAN
  __tsan_switch_to_fiber(to.race_detector,
                         0);   // in order: races of a GPU have a detector of their own
#endif
#ifdef GLASS_ASAN
  __sanitizer_start_switch_fiber(last ? nullptr : &from.fake_stack, to.stack, to.bytes);
#endif
  glass_switch_stack(&from.stopped_at, to.stopped_at);
#ifdef GLASS_ASAN
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void dismiss([[maybe_unused]] Fiber& fiber) {
#ifdef GLASS_TSAN
  known_fibers.free.push_back({fiber.race_detector, fiber.uses});
#endif
}

}   // namespace glass::emulator
