// The four steps of the matrix product, of which two are there to be read: all are right.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include "kernels/emulator/emulator_device.h"
#include "kernels/gpu/matmul_steps.h"

namespace glass::gpu {
namespace {

template <class T>
View matrix(std::vector<T>& numbers, DType dtype, std::int64_t rows, std::int64_t columns) {
  return {reinterpret_cast<std::byte*>(numbers.data()), dtype, 2, {rows, columns}, {columns, 1}};
}

// Numbers of 8 bits, so that a bf16 holds them, and the products and sums of them are exact.
float number(std::uint16_t half) { return std::bit_cast<float>(std::uint32_t{half} << 16); }
std::vector<std::uint16_t> whole_numbers(std::size_t count, std::mt19937& random) {
  std::vector<std::uint16_t> halves;
  for (std::size_t i = 0; i < count; ++i) {
    const float x = static_cast<float>(random() % 255) - 127;
    halves.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16));
  }
  return halves;
}

TEST(MatmulSteps, AllMakeTheSameProduct) {
  constexpr std::size_t M = 70, N = 150, K = 40;
  std::mt19937 random(4);
  std::vector<std::uint16_t> a = whole_numbers(M * K, random), b = whole_numbers(K * N, random);
  emulator::EmulatorDevice device;
  for (int step = 1; step <= kMatmulSteps; ++step) {
    std::vector<float> c(M * N, NAN);
    start_matmul_step(device, step, matrix(c, DType::f32, M, N), matrix(a, DType::bf16, M, K),
                      matrix(b, DType::bf16, K, N));
    for (std::size_t i = 0; i < M; ++i)
      for (std::size_t j = 0; j < N; ++j) {
        float sum = 0;
        for (std::size_t k = 0; k < K; ++k) sum += number(a[i * K + k]) * number(b[k * N + j]);
        ASSERT_EQ(c[i * N + j], sum) << name_of_matmul_step(step) << ", " << i << ", " << j;
      }
  }
  EXPECT_THROW(name_of_matmul_step(5), std::out_of_range);
}

}   // namespace
}   // namespace glass::gpu
