#include "tests/gpu/races.h"

#include <memory>
#include <string>
#include <unordered_map>

#include "kernels/emulator/group.h"
#include "tests/gpu/lent_memory.h"

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

void find_races(const MemoryAccess& access) {
  const Standing& now = access.by;
  if (now.in_no_array)
    emulator::stop_with("thread " + std::to_string(now.thread) + " of group " +
                        std::to_string(now.group) +
                        " touches memory of the group that no array has");
  if (is_lent_to_nobody(access))
    emulator::stop_with("thread " + std::to_string(now.thread) + " of group " +
                        std::to_string(now.group) + (access.writes ? " writes" : " reads") +
                        " memory of the device that is lent to nobody");
  const std::uintptr_t end = access.address + access.bytes;
  for (std::uintptr_t a = access.address; a < end; a += kWordBytes) {
    if (access.writes) write(word_at(a), now, access.atomic);
    else read(word_at(a), now, access.atomic);
  }
}

}   // namespace glass::test
