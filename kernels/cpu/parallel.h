// parallel_for: the only way a kernel in kernels/cpu/isa uses more than one thread.
#pragma once
#include "kernels/cpu/simd.h"
#include "kernels/cpu/team.h"

namespace glass::GLASS_ISA {

// How many chunks of `grain` units make up `size` units of work.
GLASS_SIMD std::int64_t chunks_of(std::int64_t size, std::int64_t grain) {
  return (size + grain - 1) / grain;
}

// body(chunk) for every chunk in [0, chunks). A single chunk never wakes a thread: small work stays
// on this core. body may be called from several threads at once and must not touch another chunk's
// output.
template <class Body>
GLASS_SIMD void parallel_for(const Team& team, std::int64_t chunks, const Body& body) {
  if (chunks == 1) {
    body(0);
    return;
  }
  run_chunks(
      team, chunks,
      [](const void* context, std::int64_t chunk) { (*static_cast<const Body*>(context))(chunk); },
      &body);
}

// The same for chunks that may be far smaller than a thread is worth: `worth` is whether all of
// them together are large.
template <class Body>
GLASS_SIMD void parallel_or_not(const Team& team, std::int64_t chunks, bool worth,
                                const Body& body) {
  if (worth) {
    parallel_for(team, chunks, body);
    return;
  }
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) body(chunk);
}

// body(begin, end) over [0, size) in chunks of `grain`.
template <class Body>
GLASS_SIMD void parallel_ranges(const Team& team, std::int64_t size, std::int64_t grain,
                                const Body& body) {
  if (size <= grain) {
    body(std::int64_t{0}, size);
    return;
  }
  parallel_for(team, chunks_of(size, grain), [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * grain, end = begin + grain < size ? begin + grain : size;
    body(begin, end);
  });
}

}   // namespace glass::GLASS_ISA
