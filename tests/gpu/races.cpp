#include "tests/gpu/races.h"

#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>

#include "kernels/emulator/group.h"

namespace glass::test {
namespace {

using emulator::Standing;

struct Access {
  Standing by = {};
  bool happened = false, atomic = false;
  bool by_more_threads = false,
       by_more_groups = false;   // reads are many: since the last barrier, in this launch
};
struct Word {   // two bytes
  Access write, read;
};
constexpr std::uintptr_t kWordBytes = 2, kPageWords = 2048;

std::uint64_t watched = 0;
bool watching = true;

Word& word_at(std::uintptr_t address) {
  struct Page {
    Word words[kPageWords];
  };
  static std::unordered_map<std::uintptr_t, std::unique_ptr<Page>> pages;
  std::unique_ptr<Page>& page = pages[address / kWordBytes / kPageWords];
  if (!page) page = std::make_unique<Page>();
  return page->words[address / kWordBytes % kPageWords];
}

// The memory of a group begins anew with each of them; all other memory lasts.
bool same_time(const Standing& a, const Standing& b) {
  return a.launch == b.launch && (!b.in_group_memory || a.group == b.group);
}
bool same_phase(const Standing& a, const Standing& b) {
  if (a.group != b.group || a.barriers != b.barriers) return false;
  return a.thread / 32 != b.thread / 32 || a.warp_barriers == b.warp_barriers;
}

// Whether something keeps the two apart.
bool ordered(const Access& before, const Standing& now, bool atomic) {
  if (!before.happened || !same_time(before.by, now)) return true;
  if (before.atomic && atomic) return true;
  if (before.by.group != now.group) return false;
  return before.by.thread == now.thread || !same_phase(before.by, now);
}

void report(const char* what, const Standing& before, const Standing& now) {
  const auto who = [](const Standing& s) {
    return "thread " + std::to_string(s.thread) + " of group " + std::to_string(s.group);
  };
  emulator::stop_with("race in " + std::string(now.in_group_memory ? "the group's" : "device") +
                      " memory: " + who(now) + " " + what + " what " + who(before) +
                      (before.group == now.group ? " touched, with no barrier between"
                                                 : " touched in the same launch"));
}

void read(Word& word, const Standing& now, bool atomic) {
  if (!ordered(word.write, now, atomic)) report("reads", word.write.by, now);
  if (atomic) return;
  Access& last = word.read;
  const bool recent = last.happened && same_time(last.by, now);
  const bool more_groups = recent && (last.by_more_groups || last.by.group != now.group);
  const bool more_threads =
      recent && same_phase(last.by, now) && (last.by_more_threads || last.by.thread != now.thread);
  last = {now, true, false, more_threads, more_groups};
}

void write(Word& word, const Standing& now, bool atomic) {
  if (!ordered(word.write, now, atomic)) report("overwrites", word.write.by, now);
  const Access& last = word.read;
  if (last.happened && same_time(last.by, now)) {
    const bool unseen = last.by_more_groups || (last.by_more_threads && same_phase(last.by, now));
    if (unseen || !ordered(last, now, atomic)) report("overwrites", last.by, now);
  }
  word.write = {now, true, atomic, false, false};
}

}   // namespace

std::uint64_t watched_accesses() { return watched; }
void watch_for_races(bool on) { watching = on; }

void watch(const volatile void* at, std::size_t bytes, bool writes, bool atomic) {
  if (!watching) return;
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(at);
  Standing now;
  if (!emulator::standing(now, address)) return;
  ++watched;
  if (now.in_no_array)
    emulator::stop_with("thread " + std::to_string(now.thread) + " of group " +
                        std::to_string(now.group) +
                        " touches memory of the group that no array has");
  for (std::uintptr_t a = address; a < address + bytes; a += kWordBytes) {
    if (writes) write(word_at(a), now, atomic);
    else read(word_at(a), now, atomic);
  }
}

}   // namespace glass::test

// What the compiler calls.
using glass::test::watch;
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
#define GLASS_WATCH(n)                                                  \
  void __tsan_read##n(void* a) { watch(a, n, false, false); }           \
  void __tsan_write##n(void* a) { watch(a, n, true, false); }           \
  void __tsan_unaligned_read##n(void* a) { watch(a, n, false, false); } \
  void __tsan_unaligned_write##n(void* a) { watch(a, n, true, false); }
GLASS_WATCH(1)
GLASS_WATCH(2)
GLASS_WATCH(4)
GLASS_WATCH(8)
GLASS_WATCH(16)
void __tsan_read_range(void* a, unsigned long n) { watch(a, n, false, false); }
void __tsan_write_range(void* a, unsigned long n) { watch(a, n, true, false); }
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void* __tsan_memcpy(void* to, const void* from, std::size_t n) { return std::memcpy(to, from, n); }
void* __tsan_memset(void* to, int c, std::size_t n) { return std::memset(to, c, n); }
void* __tsan_memmove(void* to, const void* from, std::size_t n) {
  return std::memmove(to, from, n);
}
unsigned __tsan_atomic32_load(const volatile unsigned* a, int) {
  watch(a, 4, false, true);
  return __atomic_load_n(a, __ATOMIC_SEQ_CST);
}
int __tsan_atomic32_compare_exchange_strong(volatile unsigned* a, unsigned* e, unsigned v, int,
                                            int) {
  watch(a, 4, true, true);
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
