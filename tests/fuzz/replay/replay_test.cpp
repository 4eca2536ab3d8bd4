// Every fuzz target without a fuzzer: its seeds, and mutations of them that are the same in every
// run. A reader that falls over here fails the test in every build, with every compiler; what finds
// more is tools/fuzz.sh.
//
// A seed whose name begins with "good" must be accepted, one with "bad" refused: so a target that
// never gets past the first check, or a reader that checks nothing, is seen.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

// --- How much memory a reader asks for -----------------------------------------------------------

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GLASS_HAS_SANITIZER 1   // it has an operator new of its own, and checks more than this one
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GLASS_HAS_SANITIZER 1
#endif
#endif

namespace {
std::atomic<std::size_t> asked_at_once{0};   // the largest request since it was set to 0
}

#ifndef GLASS_HAS_SANITIZER
// noinline: or the compiler sees a block of "operator new" go to `free`, and warns.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (size > asked_at_once.load(std::memory_order_relaxed)) asked_at_once = size;
  if (void* block = std::malloc(std::max<std::size_t>(size, 1))) return block;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }
#endif

// --- The targets ---------------------------------------------------------------------------------

#define TARGET(name) extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size);
#include "targets.inc"
#undef TARGET

namespace glass::fuzz {
namespace {

struct Target {
  const char* name;
  int (*run)(const std::uint8_t*, std::size_t);
};
constexpr Target kTargets[] = {
#define TARGET(name) {#name, fuzz_##name},
#include "targets.inc"
#undef TARGET
};

struct Seed {
  std::string name, bytes;
};

std::vector<Seed> seeds_of(const std::string& target) {
  std::vector<Seed> seeds;
  const std::filesystem::path folder = std::filesystem::path(GLASS_FUZZ_SEEDS) / target;
  if (!std::filesystem::is_directory(folder)) return seeds;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    seeds.push_back(
        {entry.path().filename().string(), std::string(std::istreambuf_iterator<char>(file), {})});
  }
  std::sort(seeds.begin(), seeds.end(),
            [](const Seed& a, const Seed& b) { return a.name < b.name; });
  return seeds;
}

// Numbers that a careless reader adds to, multiplies or believes.
constexpr std::uint64_t kOdd[] = {0,
                                  1,
                                  7,
                                  0x7f,
                                  0x80,
                                  0xff,
                                  0xffff,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  std::uint64_t{1} << 40,
                                  std::uint64_t{1} << 61,
                                  std::uint64_t{1} << 62,
                                  std::uint64_t{1} << 63,
                                  UINT64_MAX - 7,
                                  UINT64_MAX};

std::string mutant(const std::vector<Seed>& seeds, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  std::string bytes = seeds[below(seeds.size())].bytes;
  for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
    const std::size_t at = below(bytes.size());
    switch (random() % 8) {
      case 0:
        if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8);
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<char>(random());
        break;
      case 2:   // an odd number of 1, 2, 4 or 8 bytes, often where a real one stands
      case 3: {
        const std::uint64_t odd = kOdd[below(std::size(kOdd))];
        const std::size_t width = std::size_t{1} << random() % 4;
        const std::size_t place = random() % 2 == 0 ? at : at / width * width;
        for (std::size_t i = 0; i < width && place + i < bytes.size(); ++i)
          bytes[place + i] = static_cast<char>(odd >> 8 * i);
        break;
      }
      case 4:
        bytes.resize(at);
        break;
      case 5:
        bytes.erase(at, 1 + below(8));
        break;
      case 6:   // a piece of it again, somewhere else
        bytes.insert(below(bytes.size() + 1), bytes.substr(at, 1 + below(32)));
        break;
      default: {   // the head of one seed, the tail of another
        const std::string& other = seeds[below(seeds.size())].bytes;
        bytes = bytes.substr(0, at) + other.substr(below(other.size()));
      }
    }
  }
  return bytes;
}

class Replay : public ::testing::TestWithParam<Target> {
 protected:
  // Was it accepted? The message of a failure shows how to run the same bytes again.
  bool run(const std::string& bytes, const std::string& what) {
    const long before = accepted;
    asked_at_once = 0;
    try {
      GetParam().run(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    } catch (const std::exception& error) {
      keep(bytes);
      ADD_FAILURE() << what << " is refused by something else than a ContentError: " << error.what()
                    << "; the bytes are in " << kept_;
    }
    const std::size_t most = 2 * bytes.size() + (std::size_t{64} << 20);
    if (asked_at_once.load() > most) {
      keep(bytes);
      ADD_FAILURE() << what << ", " << bytes.size() << " bytes, makes the reader ask for "
                    << asked_at_once.load() << " bytes at once; they are in " << kept_;
    }
    return accepted > before;
  }

 private:
  void keep(const std::string& bytes) {
    kept_ = ::testing::TempDir() + "glass-fuzz-" + GetParam().name;
    std::ofstream(kept_, std::ios::binary) << bytes;
  }
  std::string kept_;
};

TEST_P(Replay, SeedsAreAcceptedOrRefusedAsTheirNamesSay) {
  const std::vector<Seed> seeds = seeds_of(GetParam().name);
  ASSERT_FALSE(seeds.empty()) << "tests/fuzz/seeds.py makes none for " << GetParam().name;
  int good = 0;
  for (const Seed& seed : seeds) {
    const bool taken = run(seed.bytes, seed.name);
    if (seed.name.starts_with("good")) {
      EXPECT_TRUE(taken) << seed.name;
      ++good;
    } else if (seed.name.starts_with("bad")) {
      EXPECT_FALSE(taken) << seed.name;
    }
  }
  EXPECT_GT(good, 0) << "no seed gets through";
}

TEST_P(Replay, MutationsAreReadOrRefused) {
  const std::vector<Seed> seeds = seeds_of(GetParam().name);
  ASSERT_FALSE(seeds.empty());
  const bool deep = std::getenv("GLASS_DEEP") != nullptr;
  constexpr unsigned kDice = 20260611;
  std::mt19937 random(kDice);
  for (int i = 0; i < (deep ? 50000 : 2000) && !HasFailure(); ++i)
    run(mutant(seeds, random), "mutation " + std::to_string(i) + " of " + std::to_string(kDice));
}

INSTANTIATE_TEST_SUITE_P(Targets, Replay, ::testing::ValuesIn(kTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}   // namespace
}   // namespace glass::fuzz
