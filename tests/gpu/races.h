// A race detector with the rules of a GPU. (ThreadSanitizer itself knows threads and locks; it
// misses races once a group has more than 255 threads.)
//
//   Two threads of a group may touch the same bytes, one of them writing, only with a barrier
//   between. Two groups of a launch never may, unless both do it atomically.
//
// The first breach ends the launch with std::logic_error, and so does an access to memory of the
// group that none of its arrays has, or of a WatchedDevice (lent_memory.h) that is lent to nobody.
#pragma once
#include "tests/gpu/watch.h"

namespace glass::test {

// A Watcher.
void find_races(const MemoryAccess&);

}   // namespace glass::test
