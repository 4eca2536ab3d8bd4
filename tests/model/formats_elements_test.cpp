#include "model/formats/elements.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/base/error.h"

namespace glass {
namespace {

template <class T>
StoredTensor tensor_of(StoredType type, const std::vector<T>& values,
                       const std::vector<std::int64_t>& shape) {
  const OwnedBytes bytes = allocate_bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data.get(), values.data(), bytes.size);
  return {"x", type, shape, bytes.span(), bytes.data};
}

template <class T>
std::vector<T> values_of(const StoredTensor& x) {
  std::vector<T> values(x.bytes.size() / sizeof(T));
  std::memcpy(values.data(), x.bytes.data(), x.bytes.size());
  return values;
}

// The definition: sign, 2^(exponent - 15), 1.fraction; without the leading 1 where exponent is 0.
double half_by_definition(unsigned bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31), fraction = static_cast<int>(bits & 1023);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(Elements, EveryHalfReadsAsItsDefinitionSaysAndComesBack) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const double expected = half_by_definition(bits);
    const float got = from_f16(half);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(got)) << bits;
      EXPECT_TRUE(std::isnan(from_f16(to_f16(got)))) << bits;
    } else {
      EXPECT_EQ(static_cast<double>(got), expected) << bits;
      EXPECT_EQ(to_f16(got), half) << bits;
    }
  }
}

// Between each two neighbours lies one float in the middle, which goes to the even one; a little
// more or less goes to the nearer one.
TEST(Elements, ToAHalfRoundsToTheNearestAndTiesToEven) {
  for (unsigned bits = 0; bits < 0x7bff; ++bits) {
    const float below = from_f16(static_cast<std::uint16_t>(bits)),
                above = from_f16(static_cast<std::uint16_t>(bits + 1));
    const float middle = below + (above - below) / 2;   // exact: floats have 13 more bits
    EXPECT_EQ(to_f16(middle), bits + (bits & 1)) << bits;
    EXPECT_EQ(to_f16(std::nextafter(middle, 0.0f)), bits) << bits;
    EXPECT_EQ(to_f16(std::nextafter(middle, 1e9f)), bits + 1) << bits;
    EXPECT_EQ(to_f16(-middle), 0x8000u + bits + (bits & 1)) << bits;
  }
  EXPECT_EQ(to_f16(65519.996f), 0x7bff);   // the largest half is 65504, the next would be 65536
  EXPECT_EQ(to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(to_f16(-1e30f), 0xfc00);
}

TEST(Elements, Bf16IsTheUpperHalfOfAFloatRoundedToEven) {
  EXPECT_EQ(from_bf16(0x3f80), 1.0f);
  EXPECT_EQ(to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(to_bf16(1.0f + 0x1p-8f), 0x3f80);   // in the middle: the even one
  EXPECT_EQ(to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);
  EXPECT_EQ(to_bf16(-std::numeric_limits<float>::infinity()), 0xff80);
  EXPECT_EQ(to_bf16(3.4e38f), 0x7f80);
  EXPECT_TRUE(std::isnan(from_bf16(to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

TEST(Elements, TypesChangeAndNumbersStay) {
  const std::vector<float> numbers = {0, 1, -2.5f, 0.375f, 1024};   // exact in every type
  const StoredTensor x = tensor_of(StoredType::f32, numbers, {5});
  for (const StoredType type : {StoredType::f16, StoredType::bf16, StoredType::f64}) {
    const StoredTensor there = as_type(x, type);
    EXPECT_EQ(there.type, type);
    EXPECT_EQ(there.bytes.size(), 5 * bytes_of(type));
    EXPECT_EQ(values_of<float>(as_type(there, StoredType::f32)), numbers) << name_of(type);
  }
  EXPECT_EQ(as_type(x, StoredType::f32).bytes.data(), x.bytes.data());   // nothing is copied
  const StoredTensor large = tensor_of(StoredType::f32, std::vector<float>{1, -70000}, {2});
  EXPECT_THROW(as_type(large, StoredType::f16), ContentError) << "it would become infinite";
  EXPECT_EQ(type_named("bf16"), StoredType::bf16);
  const StoredTensor whole = tensor_of(StoredType::i64, std::vector<std::int64_t>{1}, {1});
  EXPECT_THROW(as_type(whole, StoredType::f32), ContentError);
}

TEST(Elements, TransposingSwapsTheAxesOfEveryWidth) {
  constexpr std::int64_t N = 37, K = 70;   // not multiples of the square
  std::vector<double> values(N * K);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 2039);
  const StoredTensor wide = tensor_of(StoredType::f64, values, {N, K});
  for (const StoredType type : {StoredType::f64, StoredType::f32, StoredType::f16}) {
    const StoredTensor x = as_type(wide, type);
    const StoredTensor y = transposed(x);
    EXPECT_EQ(y.shape, (std::vector<std::int64_t>{K, N}));
    const auto got = values_of<double>(as_type(y, StoredType::f64));
    const auto from = values_of<double>(as_type(x, StoredType::f64));
    for (std::int64_t n = 0; n < N; ++n)
      for (std::int64_t k = 0; k < K; ++k)
        ASSERT_EQ(got[static_cast<std::size_t>(k * N + n)],
                  from[static_cast<std::size_t>(n * K + k)])
            << name_of(type) << " " << n << " " << k;
  }
  EXPECT_THROW(transposed(tensor_of(StoredType::f32, std::vector<float>{1}, {1})), ContentError);
}

TEST(Elements, RowsAreAWindowAndMustExist) {
  const StoredTensor x = tensor_of(StoredType::f32, std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  const StoredTensor rows = rows_of(x, 1, 2);
  EXPECT_EQ(rows.shape, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(values_of<float>(rows), (std::vector<float>{3, 4, 5, 6}));
  EXPECT_THROW(rows_of(x, 2, 2), ContentError);
  EXPECT_THROW(rows_of(x, -1, 2), ContentError);
  EXPECT_EQ(values_of<float>(zeros("z", {2, 2})), (std::vector<float>{0, 0, 0, 0}));
}

}   // namespace
}   // namespace glass
