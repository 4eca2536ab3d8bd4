#include "kernels/cpu/peak.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/team.h"
#include "kernels/host_memory.h"

namespace glass {

// Defined by kernels/cpu/isa/peak.cpp, once per instruction set.
// clang-format off
namespace scalar { double fma_burst(std::int64_t rounds, float* sink); float read_burst(const float* data, std::int64_t n); }
namespace avx2   { double fma_burst(std::int64_t rounds, float* sink); float read_burst(const float* data, std::int64_t n); }
namespace avx512 { double fma_burst(std::int64_t rounds, float* sink); float read_burst(const float* data, std::int64_t n); }
namespace neon   { double fma_burst(std::int64_t rounds, float* sink); float read_burst(const float* data, std::int64_t n); }
// clang-format on

namespace {

struct Loops {
  double (*fma_burst)(std::int64_t rounds, float* sink);
  float (*read_burst)(const float* data, std::int64_t n);
};

Loops loops_of(const std::string& isa) {
  for (const CpuIsa& candidate : cpu_isas()) {
    if (!candidate.usable || (isa != "auto" && isa != candidate.name)) continue;
    const std::string name = candidate.name;
#ifdef GLASS_HAS_avx512
    if (name == "avx512") return {avx512::fma_burst, avx512::read_burst};
#endif
#ifdef GLASS_HAS_avx2
    if (name == "avx2") return {avx2::fma_burst, avx2::read_burst};
#endif
#ifdef GLASS_HAS_neon
    if (name == "neon") return {neon::fma_burst, neon::read_burst};
#endif
    if (name == "scalar") return {scalar::fma_burst, scalar::read_burst};
  }
  throw std::invalid_argument("this machine cannot run the instruction set " + isa);
}

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// body(thread) on every thread of the team at once.
template <class Body>
void on_all(const Team& team, const Body& body) {
  run_chunks(
      team, team.threads,
      [](const void* context, std::int64_t thread) {
        (*static_cast<const Body*>(context))(thread);
      },
      &body);
}

}   // namespace

double peak_gflops(const std::string& isa, int threads) {
  const Loops loops = loops_of(isa);
  const Team team = make_team(threads);
  std::vector<double> best(static_cast<std::size_t>(team.threads));
  on_all(team, [&](std::int64_t thread) {
    // Every thread keeps the best of its own bursts, each some tens of microseconds: most are not
    // interrupted.
    constexpr std::int64_t kRounds = 20000;
    constexpr double kSeconds = 0.1;
    double& mine = best[static_cast<std::size_t>(thread)];
    float sink = 1;
    for (const Clock::time_point start = Clock::now(); seconds_since(start) < kSeconds;) {
      const Clock::time_point burst = Clock::now();
      const double operations = loops.fma_burst(kRounds, &sink);
      mine = std::max(mine, operations / seconds_since(burst) * 1e-9);
    }
  });
  double sum = 0;
  for (const double gflops : best) sum += gflops;
  return sum;
}

Bandwidth memory_bandwidth(int threads) {
  const Loops loops = loops_of("auto");
  const Team team = make_team(threads);
  // A burst is short, so that some are not interrupted, and takes the next piece of a block so
  // large that no cache still holds what the last round left there.
  constexpr std::size_t kBlock = std::size_t{256} << 20, kBurst = std::size_t{32} << 20;
  const std::size_t share = kBurst / static_cast<std::size_t>(team.threads) / 8192 *
                            8192;   // of a burst, for each thread
  HostMemory memory;
  std::byte* const block = memory.allocate(kBlock);
  std::byte* piece = block;
  const auto mine = [&](std::int64_t thread) {
    return piece + static_cast<std::size_t>(thread) * share;
  };
  const auto best_rate = [&](const auto& body) {
    double best = 0;
    std::size_t at = 0;
    for (const Clock::time_point start = Clock::now(); at < kBlock || seconds_since(start) < 0.15;
         at += kBurst) {
      piece = block + at % kBlock;
      const Clock::time_point burst = Clock::now();
      on_all(team, body);
      best =
          std::max(best, static_cast<double>(share) * team.threads / seconds_since(burst) * 1e-9);
    }
    return best;
  };
  best_rate([&](std::int64_t thread) {
    std::memset(mine(thread), 1, share);
  });   // the first touch gives pages to the block
  std::vector<float> sums(static_cast<std::size_t>(team.threads));
  const double read = best_rate([&](std::int64_t thread) {
    const auto floats = static_cast<std::int64_t>(share / sizeof(float));
    sums[static_cast<std::size_t>(thread)] +=
        loops.read_burst(reinterpret_cast<const float*>(mine(thread)), floats);
  });
  const double copy = best_rate(
      [&](std::int64_t thread) { std::memcpy(mine(thread), mine(thread) + share / 2, share / 2); });
  memory.release(block, kBlock);
  return {read, copy};
}

}   // namespace glass
