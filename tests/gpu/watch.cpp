#include "tests/gpu/watch.h"

#include <cstring>

namespace glass::test {
namespace {

Watcher watcher = nullptr;
std::uint64_t watched = 0;

void watch(const void* instruction, const volatile void* at, std::size_t bytes, bool writes,
           bool atomic) {
  if (!watcher) return;
  MemoryAccess access = {
      reinterpret_cast<std::uintptr_t>(at), bytes, writes, atomic, instruction, {}};
  if (!emulator::standing(access.by, access.address)) return;
  ++watched;
  watcher(access);
}

}   // namespace

Watch::Watch(Watcher w) { watcher = w; }
Watch::~Watch() { watcher = nullptr; }
std::uint64_t watched_accesses() { return watched; }

}   // namespace glass::test

// What the compiler calls.
using glass::test::watch;
#define HERE __builtin_return_address(0)
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
#define GLASS_WATCH(n)                                                        \
  void __tsan_read##n(void* a) { watch(HERE, a, n, false, false); }           \
  void __tsan_write##n(void* a) { watch(HERE, a, n, true, false); }           \
  void __tsan_unaligned_read##n(void* a) { watch(HERE, a, n, false, false); } \
  void __tsan_unaligned_write##n(void* a) { watch(HERE, a, n, true, false); }
GLASS_WATCH(1)
GLASS_WATCH(2)
GLASS_WATCH(4)
GLASS_WATCH(8)
GLASS_WATCH(16)
void __tsan_read_range(void* a, unsigned long n) { watch(HERE, a, n, false, false); }
void __tsan_write_range(void* a, unsigned long n) { watch(HERE, a, n, true, false); }
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void* __tsan_memcpy(void* to, const void* from, std::size_t n) { return std::memcpy(to, from, n); }
void* __tsan_memset(void* to, int c, std::size_t n) { return std::memset(to, c, n); }
void* __tsan_memmove(void* to, const void* from, std::size_t n) {
  return std::memmove(to, from, n);
}
unsigned __tsan_atomic32_load(const volatile unsigned* a, int) {
  watch(HERE, a, 4, false, true);
  return __atomic_load_n(a, __ATOMIC_SEQ_CST);
}
int __tsan_atomic32_compare_exchange_strong(volatile unsigned* a, unsigned* e, unsigned v, int,
                                            int) {
  watch(HERE, a, 4, true, true);
  return __atomic_compare_exchange_n(a, e, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
int __tsan_atomic32_compare_exchange_weak(volatile unsigned* a, unsigned* e, unsigned v, int x,
                                          int y) {
  return __tsan_atomic32_compare_exchange_strong(a, e, v, x, y);
}
unsigned __tsan_atomic32_compare_exchange_val(volatile unsigned* a, unsigned e, unsigned v, int x,
                                              int y) {
  __tsan_atomic32_compare_exchange_strong(a, &e, v, x, y);
  return e;
}
}
