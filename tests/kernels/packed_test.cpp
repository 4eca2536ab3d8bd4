// Packing itself: how far a number may move, where it lies, how many bytes that takes.
#include "kernels/packed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/kernels/problem.h"

namespace glass::test {
namespace {

constexpr std::int64_t kN = 70, kK = 150;   // more than two panels, and groups that are not whole

struct Case {
  std::vector<float> w;
  std::vector<std::byte> bytes;
  PackedWeight packed;
};

Case packed_case(PackedType type, std::uint64_t seed) {
  Case c;
  const std::vector<double> numbers = draw(in("w", {kN, kK}), seed, 0);
  c.w.assign(numbers.begin(), numbers.end());
  c.bytes.resize(packed_bytes(type, kN, kK));
  pack(c.bytes.data(), type, kN, kK, c.w.data(), kK, 1);
  c.packed = {c.bytes.data(), type, kN, kK};
  return c;
}

TEST(Packed, F32KeepsEveryBit) {
  const Case c = packed_case(PackedType::f32, 1);
  for (std::int64_t n = 0; n < kN; ++n)
    for (std::int64_t k = 0; k < kK; ++k)
      ASSERT_EQ(packed_number(c.packed, n, k), c.w[static_cast<std::size_t>(n * kK + k)])
          << n << "," << k;
}

TEST(Packed, Bf16IsWithinHalfAUnitOfItsEightBits) {
  const Case c = packed_case(PackedType::bf16, 2);
  for (std::int64_t n = 0; n < kN; ++n)
    for (std::int64_t k = 0; k < kK; ++k) {
      const float w = c.w[static_cast<std::size_t>(n * kK + k)];
      ASSERT_LE(std::fabs(packed_number(c.packed, n, k) - w), std::fabs(w) * 0x1p-8f)
          << n << "," << k;
    }
}

// The step has the sign that makes the largest number -2^(b-1) steps; the same size with the other
// sign has no place and lies one step, not half a step, from its neighbour.
TEST(Packed, WholeNumbersAreWithinHalfAStep) {
  for (const PackedType type : {PackedType::int8, PackedType::int4}) {
    const Case c = packed_case(type, 3);
    const double most = (1 << (bits_of(type) - 1)) - 0.5;
    int at_the_end = 0;
    for (std::int64_t n = 0; n < kN; ++n)
      for (std::int64_t k = 0; k < kK; ++k) {
        const double w = static_cast<double>(c.w[static_cast<std::size_t>(n * kK + k)]);
        const double step = static_cast<double>(packed_step(c.packed, n, k));
        const bool inside = w / step <= most;
        at_the_end += !inside;
        ASSERT_LE(std::fabs(static_cast<double>(packed_number(c.packed, n, k)) - w),
                  std::fabs(step) * (inside ? 0.5 : 1) * (1 + 1e-6))
            << name_of(type) << " (" << n << "," << k << "): " << w << ", step " << step;
      }
    EXPECT_LT(at_the_end * 10, kN * kK) << name_of(type);
  }
}

TEST(Packed, AStepIsNoLargerThanItsGroupNeeds) {
  for (const PackedType type : {PackedType::int8, PackedType::int4}) {
    const Case c = packed_case(type, 4);
    const std::int64_t group = group_of(type);
    for (std::int64_t n = 0; n < kN; ++n)
      for (std::int64_t first = 0; first < kK; first += group) {
        float largest = 0;
        for (std::int64_t k = first; k < std::min(kK, first + group); ++k)
          largest = std::max(largest, std::fabs(c.w[static_cast<std::size_t>(n * kK + k)]));
        const float steps = static_cast<float>(1 << (bits_of(type) - 1));
        const float step = std::fabs(packed_step(c.packed, n, first));
        EXPECT_GE(step * steps, largest);
        EXPECT_LE(step * steps, largest * (1 + 0x1p-7f))
            << name_of(type) << " (" << n << "," << first << ")";
      }
  }
}

TEST(Packed, ZerosStayZerosAndInfinitiesDoNotHide) {
  for (const PackedType type :
       {PackedType::f32, PackedType::bf16, PackedType::int8, PackedType::int4}) {
    std::vector<float> w(kN * kK, 0.0f);
    std::vector<std::byte> bytes(packed_bytes(type, kN, kK));
    w[5 * kK + 7] = std::numeric_limits<float>::quiet_NaN();
    pack(bytes.data(), type, kN, kK, w.data(), kK, 1);
    const PackedWeight packed = {bytes.data(), type, kN, kK};
    EXPECT_EQ(packed_number(packed, 4, 7), 0.0f) << name_of(type);
    EXPECT_TRUE(std::isnan(packed_number(packed, 5, 7))) << name_of(type);
  }
}

// The chapter says so many bits a weight; a layout that grew would make every model slower.
TEST(Packed, TakesTheBytesTheChapterPromises) {
  const double numbers = 768.0 * 3072;
  const auto bits = [&](PackedType t) {
    return 8 * static_cast<double>(packed_bytes(t, 3072, 768)) / numbers;
  };
  EXPECT_EQ(bits(PackedType::f32), 32);
  EXPECT_EQ(bits(PackedType::bf16), 16);
  EXPECT_EQ(bits(PackedType::int8), 8.25);
  EXPECT_EQ(bits(PackedType::int4), 4.5);
}

}   // namespace
}   // namespace glass::test
