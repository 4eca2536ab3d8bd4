// Packed weights as tensors: where they come from, what they are multiplied with, what is refused.
#include "engine/packed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "engine/tape.h"
#include "tests/engine/devices.h"

namespace glass {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

const Device& here() {
  static const Device device = testing::cpu();
  return device;
}
Tensor drawn(const Shape& shape, std::uint64_t seed, DType type = DType::f32) {
  return gaussian(here(), shape, 0, 1, {seed, 0, 0, 0}, type);
}

TEST(PackedTensor, ComesFromAWeightOfAnyLayoutAndType) {
  const Tensor w = drawn({37, 50}, 1);
  for (const PackedType type : {PackedType::f32, PackedType::bf16, PackedType::int8, PackedType::int4}) {
    const std::vector<double> straight = unpacked(pack(w, type)).to_host();
    const Tensor columns = transpose(contiguous(transpose(w)));
    EXPECT_EQ(unpacked(pack(columns, type)).to_host(), straight) << name_of(type);
    const Tensor wider = concat({drawn({37, 3}, 2), w}, 1);
    EXPECT_EQ(unpacked(pack(slice(wider, 1, 3, 53), type)).to_host(), straight) << name_of(type);
    const Tensor exact = Tensor::from(testing::reference(), w.to_host(), w.shape(), DType::f64);
    EXPECT_EQ(unpacked(pack(exact, type), DType::f64).to_host(), straight) << name_of(type);
  }
  EXPECT_EQ(unpacked(pack(w, PackedType::f32)).to_host(), w.to_host());
}

TEST(LinearPacked, SumsWhatIsStoredInBf16InF32) {
  const Tensor x = drawn({20, 50}, 3, DType::bf16), w = drawn({37, 50}, 4), b = drawn({37}, 5);
  const PackedTensor packed = pack(w, PackedType::f32);
  const Tensor y = linear_packed(x, packed, b);
  EXPECT_EQ(y.dtype(), DType::f32);
  const std::vector<double> expected = linear(cast(x, DType::f32), w, b).to_host(), got = y.to_host();
  for (std::size_t i = 0; i < got.size(); ++i)   // sums of 50 products near 1 in another order
    ASSERT_NEAR(got[i], expected[i], 1e-4) << "element " << i;
}

TEST(HeadLoss, OfAPackedWeightIsThatOfTheWeight) {
  const std::int64_t rows = 50, C = 20, V = 70;
  const Tensor x = drawn({rows, C}, 6), w = drawn({V, C}, 7);
  std::vector<std::int32_t> ids;
  for (std::int32_t i = 0; i < rows; ++i) ids.push_back(i % 7 == 6 ? -1 : i);
  const Tensor targets = Tensor::ids(here(), ids, {rows});
  const double expected = head_loss(x, w, targets).item();
  EXPECT_NEAR(head_loss(x, pack(w, PackedType::f32), targets, kIgnore).item(), expected, 1e-5 * expected);
  const PackedTensor half = pack(w, PackedType::bf16);
  const double rounded = head_loss(cast(x, DType::bf16), half, targets, kIgnore).item();
  EXPECT_NEAR(rounded, expected, 0.01 * expected) << "8 bits of each factor";
  EXPECT_NE(rounded, expected);
}

TEST(LinearPacked, RefusesWhatDoesNotFit) {
  const PackedTensor w = pack(drawn({37, 50}, 8), PackedType::int8);
  EXPECT_THAT(message_of<ShapeError>([&] { linear_packed(drawn({2, 49}, 9), w); }), HasSubstr("do not fit"));
  EXPECT_THAT(message_of<ShapeError>([&] { linear_packed(drawn({2, 50}, 9), w, drawn({36}, 9)); }),
              HasSubstr("bias (36)"));
  Tape tape;
  const Tensor watched = tape.watch(drawn({2, 50}, 10), "x");
  EXPECT_THAT(message_of<ShapeError>([&] { linear_packed(watched, w); }), HasSubstr("no derivative"));
  EXPECT_THAT(message_of<ShapeError>([&] { pack(drawn({5}, 11), PackedType::f32); }), HasSubstr("matrix"));
}

}  // namespace
}  // namespace glass
