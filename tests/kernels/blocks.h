// Problems for kernels on matrix units: factors in bf16, or the same numbers in f32, and what a backend makes of them.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/backend.h"

namespace glass::test {

struct ProductSizes {
  std::int64_t M, N, K;
};
// Random numbers (M,N) += (M,K) (K,N), each factor lying along k or across it; factors of that
// type, and the result of its own.
std::vector<float> product(Backend&, DType, ProductSizes, bool a_across, bool b_across,
                           DType result = DType::f32);

// A batch of them, factors of that type, the result in f32: (batch,M,N) = (batch,M,K) (batch,K,N).
std::vector<float> products(Backend&, DType, std::int64_t batch, ProductSizes);

struct AttentionSizes {
  std::int64_t B, H, Hk, T, D;
};
struct AttentionResult {
  std::vector<float> y, lse, dq, dk, dv;
};
// Forward and backward; factors of that type, results in f32. dq and dk are added to 1.
AttentionResult attend(Backend&, DType, AttentionSizes, const Attention&);

// The largest difference as a part of the largest number.
double difference(const std::vector<float>& got, const std::vector<float>& want);

}   // namespace glass::test
