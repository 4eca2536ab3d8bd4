#include "kernels/cpu/peak.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif
#include <unistd.h>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/peak_dot.h"
#include "kernels/cpu/team.h"

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

std::string isa_of_auto() {
  for (const CpuIsa& candidate : cpu_isas()) {
    if (candidate.usable) return candidate.name;
  }
  return "scalar";
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

// Operations a second on every thread at once, of bursts of some tens of microseconds: most are not
// interrupted, and every thread keeps the best of its own.
template <class Burst>
double best_gflops(int threads, const Burst& burst) {
  const Team team = make_team(threads);
  std::vector<double> best(static_cast<std::size_t>(team.threads));
  on_all(team, [&](std::int64_t thread) {
    constexpr std::int64_t kRounds = 20000;
    constexpr double kSeconds = 0.1;
    double& mine = best[static_cast<std::size_t>(thread)];
    float sink = 1;
    for (const Clock::time_point start = Clock::now(); seconds_since(start) < kSeconds;) {
      const Clock::time_point before = Clock::now();
      const double operations = burst(kRounds, &sink);
      mine = std::max(mine, operations / seconds_since(before) * 1e-9);
    }
  });
  double sum = 0;
  for (const double gflops : best) sum += gflops;
  return sum;
}

// A block of whole huge pages: a page of 4 KiB costs a walk through the page tables, in a virtual
// machine two.
class Block {
 public:
  explicit Block(std::size_t bytes)
      : data_(static_cast<std::byte*>(std::aligned_alloc(kHugePage, bytes))) {
    if (data_ == nullptr) throw std::bad_alloc();
#ifdef __linux__
    ::madvise(data_, bytes, MADV_HUGEPAGE);
#endif
  }
  ~Block() { std::free(data_); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  std::byte* data() const { return data_; }
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;

 private:
  std::byte* data_;
};

// The rate that nine in ten bursts do not pass. The best one of all is often a fluke of the clock.
double high_rate(std::vector<double> rates) {
  std::sort(rates.begin(), rates.end());
  return rates[rates.size() * 9 / 10];
}

}   // namespace

double peak_gflops(const std::string& isa, int threads) {
  return best_gflops(threads, loops_of(isa).fma_burst);
}

double peak_dot_gflops(const std::string& isa, ShortDot kind, int threads) {
  const DotBurst burst = dot_burst(kind);
  const bool vectors = isa == "avx512" || (isa == "auto" && isa_of_auto() == "avx512");
  return burst == nullptr || !vectors ? 0 : best_gflops(threads, burst);
}

Bandwidth memory_bandwidth(int threads) {
  const Loops loops = loops_of("auto");
  const Team team = make_team(threads);
  // A burst is short, so that some are not interrupted, and takes the next piece of a block so
  // large that no cache still holds what the last round left there.
  constexpr std::size_t kBlock = std::size_t{256} << 20, kBurst = std::size_t{32} << 20;
  constexpr double kSeconds = 0.2;
  const std::size_t share = kBurst / static_cast<std::size_t>(team.threads) / 8192 *
                            8192;   // of a burst, for each thread
  const Block block(kBlock);
  std::byte* piece = block.data();
  const auto mine = [&](std::int64_t thread) {
    return piece + static_cast<std::size_t>(thread) * share;
  };
  const auto rate = [&](const auto& body) {
    std::vector<double> rates;
    std::size_t at = 0;
    for (const Clock::time_point start = Clock::now();
         at < kBlock || seconds_since(start) < kSeconds; at += kBurst) {
      piece = block.data() + at % kBlock;
      const Clock::time_point burst = Clock::now();
      on_all(team, body);
      rates.push_back(static_cast<double>(share) * team.threads / seconds_since(burst) * 1e-9);
    }
    return high_rate(std::move(rates));
  };
  std::memset(block.data(), 1, kBlock);   // the first touch gives pages to the block
  std::vector<float> sums(static_cast<std::size_t>(team.threads));
  const double read = rate([&](std::int64_t thread) {
    const auto floats = static_cast<std::int64_t>(share / sizeof(float));
    sums[static_cast<std::size_t>(thread)] +=
        loops.read_burst(reinterpret_cast<const float*>(mine(thread)), floats);
  });
  const double copy = rate(
      [&](std::int64_t thread) { std::memcpy(mine(thread), mine(thread) + share / 2, share / 2); });
  return {read, copy};
}

namespace {

// Every thread reads its `bytes` over and over; the sum of what each reaches.
double read_again_gbps(std::size_t bytes, int threads) {
  const Loops loops = loops_of("auto");
  const Team team = make_team(threads);
  const std::size_t spaced = (bytes + Block::kHugePage - 1) / Block::kHugePage * Block::kHugePage;
  const Block block(spaced * static_cast<std::size_t>(team.threads));
  std::vector<double> best(static_cast<std::size_t>(team.threads));
  on_all(team, [&](std::int64_t thread) {
    constexpr double kSeconds = 0.05;
    constexpr std::size_t kBurst = std::size_t{1} << 20;
    std::byte* const mine = block.data() + static_cast<std::size_t>(thread) * spaced;
    std::memset(mine, 0, bytes);
    const auto floats = static_cast<std::int64_t>(bytes / sizeof(float));
    const std::size_t rounds = std::max<std::size_t>(1, kBurst / bytes);
    std::vector<double> rates;
    float sum = 0;
    for (const Clock::time_point start = Clock::now(); seconds_since(start) < kSeconds;) {
      const Clock::time_point burst = Clock::now();
      for (std::size_t i = 0; i < rounds; ++i)
        sum += loops.read_burst(reinterpret_cast<const float*>(mine), floats);
      rates.push_back(static_cast<double>(bytes * rounds) / seconds_since(burst) * 1e-9);
    }
    mine[0] = static_cast<std::byte>(sum > 0);   // so that nobody can leave the sum out
    best[static_cast<std::size_t>(thread)] = high_rate(std::move(rates));
  });
  double sum = 0;
  for (const double gbps : best) sum += gbps;
  return sum;
}

}   // namespace

std::vector<CacheRead> cache_bandwidth(int threads) {
  std::vector<CacheRead> all;
#ifdef _SC_LEVEL1_DCACHE_SIZE
  const auto team = static_cast<std::size_t>(make_team(threads).threads);
  const struct {
    const char* name;
    int key;
    bool shared;
  } levels[] = {{"L1", _SC_LEVEL1_DCACHE_SIZE, false},
                {"L2", _SC_LEVEL2_CACHE_SIZE, false},
                {"L3", _SC_LEVEL3_CACHE_SIZE, true}};
  for (const auto& level : levels) {
    const long size = ::sysconf(level.key);
    // Half of the cache, in whole rounds of read_burst's widest loop.
    constexpr std::size_t kRound = 4096;
    const std::size_t each = static_cast<std::size_t>(std::max(size, 0L)) / 2 /
                             (level.shared ? team : 1) / kRound * kRound;
    if (each > 0) all.push_back({level.name, each * team, read_again_gbps(each, threads)});
  }
#else
  (void)threads;
#endif
  return all;
}

}   // namespace glass
