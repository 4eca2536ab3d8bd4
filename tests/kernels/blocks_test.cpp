// Kernels on matrix units, with the lanes of a warp arranged as either maker of GPUs has them,
// threads in any order, and copies that arrive as early or as late as the rules allow: the same
// bits, or nearly where the order of a sum is the maker's.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <memory>
#include <random>

#include "kernels/backends.h"
#include "kernels/emulator/emulator_device.h"
#include "kernels/gpu/gpu_backend.h"

namespace glass {
namespace {

using Halves = std::vector<std::uint16_t>;

Halves random_halves(std::int64_t count, std::mt19937& random) {
  std::normal_distribution<float> bell;
  Halves numbers(static_cast<std::size_t>(count));
  for (std::uint16_t& x : numbers)
    x = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(bell(random)) >> 16);
  return numbers;
}
std::vector<float> widened(const Halves& halves) {
  std::vector<float> numbers;
  for (const std::uint16_t x : halves)
    numbers.push_back(std::bit_cast<float>(std::uint32_t{x} << 16));
  return numbers;
}

template <class T>
View contiguous(const T* data, DType dtype, std::initializer_list<std::int64_t> shape) {
  View v{};
  v.data = const_cast<std::byte*>(reinterpret_cast<const std::byte*>(data));
  v.dtype = dtype;
  for (const std::int64_t size : shape) v.shape[v.rank++] = size;
  std::int64_t stride = 1;
  for (int axis = v.rank - 1; axis >= 0; --axis) v.stride[axis] = stride, stride *= v.shape[axis];
  return v;
}
View swapped(View v) {
  std::swap(v.shape[0], v.shape[1]);
  std::swap(v.stride[0], v.stride[1]);
  return v;
}

std::unique_ptr<Backend> gpu(const emulator::Options& options) {
  return std::make_unique<GpuBackend>(std::make_unique<emulator::EmulatorDevice>(options));
}

emulator::Options in_order(emulator::Order order) {
  emulator::Options options;
  options.order = order;
  return options;
}
emulator::Options early_copies() {
  emulator::Options options;
  options.early_copies = true;
  return options;
}
emulator::Options apple_tiles() {
  emulator::Options options;
  options.apple_tiles = true;
  return options;
}

// (M,N) = (M,K) (K,N), each factor lying one way or the other.
std::vector<float> product(const emulator::Options& options, std::int64_t M, std::int64_t N,
                           std::int64_t K, bool a_across, bool b_across) {
  std::mt19937 random(3);
  const Halves a = random_halves(M * K, random), b = random_halves(K * N, random);
  std::vector<float> c(static_cast<std::size_t>(M * N));
  gpu(options)->matmul({contiguous(c.data(), DType::f32, {M, N}), false},
                       a_across ? swapped(contiguous(a.data(), DType::bf16, {K, M}))
                                : contiguous(a.data(), DType::bf16, {M, K}),
                       b_across ? contiguous(b.data(), DType::bf16, {K, N})
                                : swapped(contiguous(b.data(), DType::bf16, {N, K})));
  return c;
}

// Several groups, several stages, tails everywhere, and a sum that is cut into segments.
TEST(Blocks, AProductHasTheSameBitsInEveryOrderAndArrangement) {
  constexpr std::int64_t sizes[][3] = {{200, 136, 208}, {72, 40, 2100}, {130, 129, 65}};
  for (const auto& [M, N, K] : sizes)
    for (const bool a_across : {false, true})
      for (const bool b_across : {false, true}) {
        const auto bits = [&](const emulator::Options& o) {
          return product(o, M, N, K, a_across, b_across);
        };
        const std::vector<float> c = bits({});
        EXPECT_EQ(c, bits(in_order(emulator::Order::reverse)));
        EXPECT_EQ(c, bits(in_order(emulator::Order::shuffle)));
        EXPECT_EQ(c, bits(early_copies()));
        EXPECT_EQ(c, bits(apple_tiles()));
      }
}

struct Sizes {
  std::int64_t B, H, Hk, T, D;
};
struct AttentionResult {
  std::vector<float> y, lse, dq, dk, dv;
};

// Forward and backward; factors in bf16 or the same numbers in f32, results in f32.
AttentionResult attend(Backend& backend, DType dtype, Sizes n, const Attention& a) {
  std::mt19937 random(5);
  const std::int64_t queries = n.B * n.H * n.T * n.D, keys = n.B * n.Hk * n.T * n.D;
  const Halves halves[4] = {random_halves(queries, random), random_halves(keys, random),
                            random_halves(keys, random), random_halves(queries, random)};
  std::vector<float> floats[4];
  View q[4];
  for (std::size_t i = 0; i < 4; ++i) {
    floats[i] = widened(halves[i]);
    const std::int64_t heads = i == 1 || i == 2 ? n.Hk : n.H;
    q[i] = dtype == DType::bf16 ? contiguous(halves[i].data(), dtype, {n.B, heads, n.T, n.D})
                                : contiguous(floats[i].data(), dtype, {n.B, heads, n.T, n.D});
  }
  AttentionResult r;
  r.y.resize(static_cast<std::size_t>(queries));
  r.lse.resize(static_cast<std::size_t>(n.B * n.H * n.T));
  r.dq = r.y;
  r.dk.resize(static_cast<std::size_t>(keys));
  r.dv = r.dk;
  const View y = contiguous(r.y.data(), DType::f32, {n.B, n.H, n.T, n.D}),
             lse = contiguous(r.lse.data(), DType::f32, {n.B, n.H, n.T});
  backend.attention(y, lse, q[0], q[1], q[2], a);
  backend.attention_backward({contiguous(r.dq.data(), DType::f32, {n.B, n.H, n.T, n.D}), false},
                             {contiguous(r.dk.data(), DType::f32, {n.B, n.Hk, n.T, n.D}), false},
                             {contiguous(r.dv.data(), DType::f32, {n.B, n.Hk, n.T, n.D}), false},
                             q[3], y, lse, q[0], q[1], q[2], a);
  return r;
}

void expect_same(const AttentionResult& a, const AttentionResult& b) {
  EXPECT_EQ(a.y, b.y);
  EXPECT_EQ(a.lse, b.lse);
  EXPECT_EQ(a.dq, b.dq);
  EXPECT_EQ(a.dk, b.dk);
  EXPECT_EQ(a.dv, b.dv);
}
// Within `part` of the largest number.
void expect_near(const char* what, const std::vector<float>& got, const std::vector<float>& want,
                 double part) {
  double largest = 0, worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    largest = std::max(largest, std::fabs(double{want[i]}));
    worst = std::max(worst, std::fabs(double{got[i]} - double{want[i]}));
  }
  EXPECT_LE(worst, part * largest) << what;
}
void expect_near(const AttentionResult& got, const AttentionResult& want, double part) {
  expect_near("y", got.y, want.y, part);
  expect_near("dq", got.dq, want.dq, part);
  expect_near("dk", got.dk, want.dk, part);
  expect_near("dv", got.dv, want.dv, part);
}

constexpr Sizes kSizes[] = {{1, 2, 1, 150, 64}, {2, 2, 2, 70, 40}, {1, 1, 1, 33, 8}};
const Attention kAttentions[] = {{0.125, 0, 0, 0, {1, 2, 3, 4}},
                                 {0.125, 0, 20, 0.1, {1, 2, 3, 4}},
                                 {-0.2, 0, 0, 0, {1, 2, 3, 4}}};

TEST(Blocks, AttentionHasTheSameBitsInEveryOrder) {
  for (const Sizes& n : kSizes)
    for (const Attention& a : kAttentions) {
      const AttentionResult r = attend(*gpu({}), DType::bf16, n, a);
      expect_same(r, attend(*gpu(in_order(emulator::Order::reverse)), DType::bf16, n, a));
      expect_same(r, attend(*gpu(in_order(emulator::Order::shuffle)), DType::bf16, n, a));
      expect_same(r, attend(*gpu(early_copies()), DType::bf16, n, a));
      expect_near(attend(*gpu(apple_tiles()), DType::bf16, n, a), r, 1.0 / 256);
    }
}

// A weight of the pattern is rounded to 8 bits, and so is its derivative; the errors of a sum
// mostly cancel.
TEST(Blocks, AttentionIsTheReferencesButForTheRoundingOfThePattern) {
  const std::unique_ptr<Backend> reference = make_reference_backend();
  for (const Sizes& n : kSizes)
    for (const Attention& a : kAttentions)
      expect_near(attend(*gpu({}), DType::bf16, n, a), attend(*reference, DType::f32, n, a),
                  1.0 / 128);
}

}   // namespace
}   // namespace glass
