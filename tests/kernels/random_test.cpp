// Philox4x32-10 against the vectors its authors publish (Random123, kat_vectors).
#include "kernels/random.h"

#include <gtest/gtest.h>

namespace glass {
namespace {

struct KnownAnswer {
  std::uint32_t counter[4], key[2], answer[4];
};
constexpr KnownAnswer kKnown[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

TEST(Philox, GivesThePublishedAnswers) {
  for (const KnownAnswer& k : kKnown) {
    const RandomKey key = {std::uint64_t{k.key[1]} << 32 | k.key[0], k.counter[1], k.counter[2],
                           k.counter[3]};
    const Philox4 got = philox(key, k.counter[0]);
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(got.x[i], k.answer[i])
          << "word " << i << " for counter " << std::hex << k.counter[0];
  }
}

TEST(Philox, EveryFieldOfTheKeyChangesTheNumbers) {
  const RandomKey key = {1, 2, 3, 4};
  const std::uint32_t first = philox(key, 0).x[0];
  for (const RandomKey other :
       {RandomKey{2, 2, 3, 4}, RandomKey{1 + (std::uint64_t{1} << 32), 2, 3, 4},
        RandomKey{1, 3, 3, 4}, RandomKey{1, 2, 4, 4}, RandomKey{1, 2, 3, 5}})
    EXPECT_NE(philox(other, 0).x[0], first);
  EXPECT_NE(philox(key, 1).x[0], first);
}

TEST(DropThreshold, CutsTheRangeOfNumbersAtP) {
  EXPECT_EQ(drop_threshold(0), 0u);
  EXPECT_EQ(drop_threshold(0.5), 0x80000000u);
  EXPECT_EQ(drop_threshold(0.25), 0x40000000u);
}

}  // namespace
}  // namespace glass
