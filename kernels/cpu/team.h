// The one place where kernels meet threads. Work comes as numbered chunks whose count depends on
// the problem only, never on how many threads there are, so a result built from chunks in order has
// the same bits on every team.
//
// Files of kernels/cpu/isa use parallel_for (kernels/cpu/parallel.h), which reaches run_chunks
// through a plain pointer.
#pragma once
#include <cstdint>

namespace glass {

struct Team {
  int threads;
};

using Chunk = void (*)(const void* context, std::int64_t chunk);

// Calls body(context, 0), ..., body(context, chunks - 1), each once, in any order, spread over the
// team: whoever is free takes the next. Called from inside a chunk, or while another caller has the
// threads, it runs on the calling thread alone. What a chunk throws reaches the caller.
void run_chunks(const Team& team, std::int64_t chunks, Chunk body, const void* context);

// A team of that many threads; 0: one per physical core that this process may use. In a build
// without threads: one.
Team make_team(int threads);

// Physical cores among the processors this process may run on, at least 1; no more than a cgroup's
// CPU quota.
int usable_cores();

// How many jobs were offered to several threads so far: whether a kernel shares its work.
std::int64_t offered_jobs();

}   // namespace glass
