// Cases of linear_packed: every type a weight can be packed in, rows enough for each way through
// the kernel, sizes around panels, groups and pairs. The weight is packed inside of the case, so
// that all backends read the same bytes.
//
// Beside the sum itself (table_matrix.cpp has the reasons), a kernel may round x to 16 bits for a
// weight of whole numbers: each x is then off by half of 2^-15 of the largest in its group, and so
// is its share of the sum. Beside an x in bf16 it may round such a weight to bf16, which has 8 bits.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

constexpr Layout kContiguous = Layout::contiguous;

// Bytes on a backend that holds them as long as this lives.
class Packed {
 public:
  Packed(Backend& backend, PackedType type, const View& w) : backend_(backend) {
    const std::int64_t N = w.shape[0], K = w.shape[1];
    std::vector<float> numbers(static_cast<std::size_t>(N * K));
    // A GPU's memory must not be followed from here.
    const std::int64_t size = w.dtype == DType::f64 ? 8 : w.dtype == DType::bf16 ? 2 : 4,
                       reach = N * K > 0 ? (N - 1) * w.stride[0] + (K - 1) * w.stride[1] + 1 : 0;
    std::vector<std::byte> here(static_cast<std::size_t>(reach * size));
    backend.download(here.data(), w.data, here.size());
    for (std::int64_t n = 0; n < N; ++n)
      for (std::int64_t k = 0; k < K; ++k) {
        const std::int64_t at = n * w.stride[0] + k * w.stride[1];
        numbers[static_cast<std::size_t>(n * K + k)] =
            w.dtype == DType::f64 ? static_cast<float>(reinterpret_cast<const double*>(here.data())[at])
            : w.dtype == DType::bf16
                ? std::bit_cast<float>(
                      std::uint32_t{reinterpret_cast<const std::uint16_t*>(here.data())[at]} << 16)
                : reinterpret_cast<const float*>(here.data())[at];
      }
    std::vector<std::byte> bytes(packed_bytes(type, N, K));
    pack(bytes.data(), type, N, K, numbers.data(), K, 1);
    size_ = bytes.size();
    data_ = backend.allocate(size_);
    backend.upload(data_, bytes.data(), size_);
    weight = {data_, type, N, K};
  }
  ~Packed() { backend_.release(data_, size_); }
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;
  PackedWeight weight;

 private:
  Backend& backend_;
  std::byte* data_;
  std::size_t size_;
};

bool is_bf16(double x) {
  return (std::bit_cast<std::uint32_t>(static_cast<float>(x)) & 0xFFFFu) == 0;
}

Problem linear_packed_problem(PackedType type, Operand y, Operand x, Operand w, Operand bias) {
  const std::int64_t M = x.shape[0], K = w.shape[1], N = w.shape[0];
  const bool with_bias = bias.role != Role::none;
  return {"linear_packed",
          name_of(type),
          {std::move(y), std::move(x), std::move(w), std::move(bias)},
          [type](Backend& b, const Args& a) {
            const Packed packed(b, type, a[2]);
            b.linear_packed(a[0], a[1], packed.weight, a[3]);
          },
          [=](const Values& v, int) {
            const std::vector<float> raw(v[2].begin(), v[2].end());
            std::vector<std::byte> bytes(packed_bytes(type, N, K));
            pack(bytes.data(), type, N, K, raw.data(), K, 1);
            const PackedWeight weight = {bytes.data(), type, N, K};
            const std::int64_t group = group_of(type);
            const bool half = group > 1 && std::all_of(v[1].begin(), v[1].end(), is_bf16);
            std::vector<double> gate(v[0].size());
            for (std::int64_t m = 0; m < M; ++m)
              for (std::int64_t n = 0; n < N; ++n) {
                const std::size_t at = static_cast<std::size_t>(m * N + n);
                double magnitude = 0, rounded = 0;
                for (std::int64_t first = 0; first < K; first += group) {
                  double largest = 0, weights = 0;
                  for (std::int64_t k = first; k < std::min(K, first + group); ++k) {
                    const double x_k = std::fabs(v[1][static_cast<std::size_t>(m * K + k)]);
                    const double w_k = std::fabs(static_cast<double>(packed_number(weight, n, k)));
                    magnitude += x_k * w_k, weights += w_k, largest = std::max(largest, x_k);
                  }
                  if (group > 1) rounded += largest * weights / 65534;
                }
                gate[at] = 4 * kU * magnitude +
                           std::sqrt(static_cast<double>(K)) * kU * std::fabs(v[0][at]) + rounded +
                           (half ? magnitude / 256 : 0) +
                           (with_bias ? kU * std::fabs(v[3][static_cast<std::size_t>(n)]) : 0);
              }
            return gate;
          }};
}

}   // namespace

Problems linear_packed_small() {
  Problems all;
  constexpr Layout kLayouts[] = {Layout::contiguous, Layout::padded, Layout::transposed,
                                 Layout::stepped, Layout::narrowed};
  std::size_t turn = 0;
  const auto add = [&](std::int64_t M, std::int64_t K, std::int64_t N) {
    for (int t = 0; t < kPackedTypes; ++t, ++turn) {
      const bool with_bias = turn % 3 != 0;
      all.push_back(linear_packed_problem(
          static_cast<PackedType>(t),
          out("y", {M, N}, turn % 5 == 4 ? Layout::padded : kContiguous),
          in("x", {M, K}, kLayouts[turn % 5]), in("w", {N, K}),
          with_bias ? in("bias", {N}, turn % 2 ? kContiguous : Layout::stepped) : none("bias")));
    }
  };
  for (const std::int64_t M : {1, 2, 3, 4, 5, 7, 8, 9, 15, 30})
    for (const std::int64_t K : {1, 2, 31, 32, 33, 64, 65, 130})
      for (const std::int64_t N : {1, 31, 32, 33, 70}) add(M, K, N);
  for (std::int64_t n = 1; n <= 33; ++n) add(1, 40, n), add(1, n, 40), add(11, n, 18);
  add(0, 4, 5), add(3, 0, 5), add(300, 65, 70), add(1, 512, 600), add(6, 800, 40), add(20, 800, 40);
  for (int t = 0; t < kPackedTypes; ++t)
    all.push_back(linear_packed_problem(static_cast<PackedType>(t),
                                        out("y", {3, 20}, Layout::transposed), in("x", {3, 70}),
                                        in("w", {20, 70}), in("bias", {20})));
  return all;
}
Problems linear_packed_large() {
  Problems all;
  const std::int64_t sizes[][3] = {{290, 130, 190}, {1, 700, 1500}, {5, 300, 420}, {40, 900, 70}};
  for (const auto& [M, K, N] : sizes)
    for (const PackedType type :
         {PackedType::bf16, PackedType::int4, PackedType::f32, PackedType::int8})
      all.push_back(linear_packed_problem(type, out("y", {M, N}), in("x", {M, K}), in("w", {N, K}),
                                          in("bias", {N})));
  return all;
}

}   // namespace glass::test
