// What stands behind run_chunks: team_pool.cpp, or in a build with GLASS_THREADS=openmp or =none
// the file of that name. Nobody but team.cpp calls it.
#pragma once
#include "kernels/cpu/team.h"

namespace glass {

// The largest team there is.
int most_threads();

// Calls body for every chunk in [0, chunks), on up to `threads` threads; chunks > 1, threads > 1,
// never from inside a chunk; body never throws. False, and nothing done, where the threads are
// taken, or one of them was late a moment ago.
bool share_chunks(int threads, std::int64_t chunks, Chunk body, const void* context);

}   // namespace glass
