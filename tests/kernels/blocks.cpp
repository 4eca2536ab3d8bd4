#include "tests/kernels/blocks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <initializer_list>
#include <random>
#include <utility>

#include "tests/kernels/device_copy.h"

namespace glass::test {
namespace {

// Random numbers that a bf16 holds, in either type.
struct Factor {
  std::vector<std::uint16_t> halves;
  std::vector<float> floats;

  Factor(std::int64_t count, std::mt19937& random) {
    std::normal_distribution<float> bell;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(bell(random)) & 0xffff0000u;
      halves.push_back(static_cast<std::uint16_t>(bits >> 16));
      floats.push_back(std::bit_cast<float>(bits));
    }
  }
  View view(DType dtype, std::initializer_list<std::int64_t> shape) const;
  void widen() {   // what has become of the halves
    for (std::size_t i = 0; i < halves.size(); ++i)
      floats[i] = std::bit_cast<float>(std::uint32_t{halves[i]} << 16);
  }
};

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
View Factor::view(DType dtype, std::initializer_list<std::int64_t> shape) const {
  return dtype == DType::bf16 ? contiguous(halves.data(), dtype, shape)
                              : contiguous(floats.data(), dtype, shape);
}
View swapped(View v) {
  std::swap(v.shape[0], v.shape[1]);
  std::swap(v.stride[0], v.stride[1]);
  return v;
}

}   // namespace

std::vector<float> product(Backend& backend, DType dtype, ProductSizes n, bool a_across,
                           bool b_across, DType result) {
  std::mt19937 random(3);
  const Factor a(n.M * n.K, random), b(n.K * n.N, random);
  Factor c(n.M * n.N, random);
  DeviceCopies copies(backend);
  const View x = copies.send(a_across ? a.view(dtype, {n.K, n.M}) : a.view(dtype, {n.M, n.K})),
             y = copies.send(b_across ? b.view(dtype, {n.K, n.N}) : b.view(dtype, {n.N, n.K}));
  backend.matmul({copies.send(c.view(result, {n.M, n.N})), true}, a_across ? swapped(x) : x,
                 b_across ? y : swapped(y));
  copies.fetch();
  if (result == DType::bf16) c.widen();
  return c.floats;
}

std::vector<float> products(Backend& backend, DType dtype, std::int64_t batch, ProductSizes n) {
  std::mt19937 random(4);
  const Factor a(batch * n.M * n.K, random), b(batch * n.K * n.N, random),
      c(batch * n.M * n.N, random);
  DeviceCopies copies(backend);
  backend.matmul({copies.send(c.view(DType::f32, {batch, n.M, n.N})), false},
                 copies.send(a.view(dtype, {batch, n.M, n.K})),
                 copies.send(b.view(dtype, {batch, n.K, n.N})));
  copies.fetch();
  return c.floats;
}

AttentionResult attend(Backend& backend, DType dtype, AttentionSizes n, const Attention& a) {
  std::mt19937 random(5);
  const std::int64_t queries = n.B * n.H * n.T * n.D, keys = n.B * n.Hk * n.T * n.D;
  const Factor q_(queries, random), k_(keys, random), v_(keys, random), dy_(queries, random);
  const std::initializer_list<std::int64_t> of_queries = {n.B, n.H, n.T, n.D},
                                            of_keys = {n.B, n.Hk, n.T, n.D};
  AttentionResult r;
  r.y.resize(static_cast<std::size_t>(queries));
  r.lse.resize(static_cast<std::size_t>(n.B * n.H * n.T));
  r.dq.resize(static_cast<std::size_t>(queries), 1);
  r.dk.resize(static_cast<std::size_t>(keys), 1);
  r.dv = r.dk;
  DeviceCopies copies(backend);
  const auto result = [&](std::vector<float>& to, std::initializer_list<std::int64_t> shape) {
    return copies.send(contiguous(to.data(), DType::f32, shape));
  };
  const View q = copies.send(q_.view(dtype, of_queries)), k = copies.send(k_.view(dtype, of_keys)),
             v = copies.send(v_.view(dtype, of_keys)), dy = copies.send(dy_.view(dtype, of_queries)),
             y = result(r.y, of_queries), lse = result(r.lse, {n.B, n.H, n.T});
  backend.attention(y, lse, q, k, v, a);
  backend.attention_backward({result(r.dq, of_queries), true}, {result(r.dk, of_keys), true},
                             {result(r.dv, of_keys), false}, dy, y, lse, q, k, v, a);
  copies.fetch();
  return r;
}

double difference(const std::vector<float>& got, const std::vector<float>& want) {
  double largest = 0, worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    largest = std::max(largest, std::fabs(double{want[i]}));
    const double error = std::fabs(double{got[i]} - double{want[i]});
    worst = error <= worst ? worst : error;   // NaN, too
  }
  return worst / largest;
}

}   // namespace glass::test
