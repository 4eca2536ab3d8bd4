// A race detector with the rules of a GPU. The kernels of this program are compiled with
// -fsanitize=thread, which makes the compiler call a function before every access to memory; the
// functions are ours, and the sanitizer's own are not linked. (ThreadSanitizer itself knows threads
// and locks; it misses races once a group has more than 255 threads.)
//
//   Two threads of a group may touch the same bytes, one of them writing, only with a barrier
//   between. Two groups of a launch never may, unless both do it atomically.
//
// The first breach ends the launch with std::logic_error, and so does an access to memory of the
// group that none of its arrays has.
#pragma once
#include <cstdint>

namespace glass::test {

// How many accesses of kernels were watched so far: none would mean that nothing was.
std::uint64_t watched_accesses();

// Off: nobody looks, at first everybody does.
void watch_for_races(bool);

}   // namespace glass::test
