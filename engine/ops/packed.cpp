// linear_packed(x, w, bias) = x w^T + bias for a weight that was packed to be read fast.
#include "engine/ops/packed.h"

#include <vector>

namespace glass {

// w's numbers on the host, row by row.
static std::vector<float> host_numbers(const Tensor& w) {
  if (w.dtype() != DType::f32 || !w.contiguous()) {
    const std::vector<double> numbers = w.to_host();
    return {numbers.begin(), numbers.end()};
  }
  std::vector<float> numbers(static_cast<std::size_t>(w.numel()));
  w.backend().wait();
  w.backend().download(numbers.data(), w.view().data, numbers.size() * sizeof(float));
  return numbers;
}

void require_packed(const char* op, const Tensor& x, const PackedTensor& w, const Tensor& bias, Where at) {
  const std::string shape = "(" + std::to_string(w.N()) + "," + std::to_string(w.K()) + ")";
  require_together(op, at, {x});
  if (x.rank() < 1 || x.dim(-1) != w.K()) {
    shape_error(op, "x " + str(x.shape()) + " and weight " + shape + " do not fit: x (..,K) needs a weight (N,K)", at, {x});
  }
  if (bias && bias.shape() != Shape{w.N()}) {
    shape_error(op, "bias " + str(bias.shape()) + " does not fit weight " + shape, at, {x, bias});
  }
  if (tape_of(std::span<const Input>(std::initializer_list<Input>{x}), at)) {
    shape_error(op, "a packed weight has no derivative; train with the weight itself", at, {x});
  }
}

PackedTensor pack(const Tensor& w, PackedType type) {
  if (w.rank() != 2) fail(ShapeError("pack: needs a matrix, not " + str(w.shape())));
  const std::int64_t N = w.dim(0), K = w.dim(1);
  std::vector<std::byte> bytes(packed_bytes(type, N, K));
  glass::pack(bytes.data(), type, N, K, host_numbers(w).data(), K, 1);
  auto buffer = std::make_shared<Buffer>(w.device(), bytes.size());
  w.backend().upload(buffer->data, bytes.data(), bytes.size());
  return {std::move(buffer), type, N, K};
}

Tensor unpacked(const PackedTensor& w, DType type) {
  std::vector<std::byte> bytes(w.bytes());
  w.device()->wait();
  w.device()->download(bytes.data(), w.weight().data, bytes.size());
  PackedWeight host = w.weight();
  host.data = bytes.data();
  std::vector<double> numbers;
  numbers.reserve(static_cast<std::size_t>(w.N() * w.K()));
  for (std::int64_t n = 0; n < w.N(); ++n)
    for (std::int64_t k = 0; k < w.K(); ++k)
      numbers.push_back(static_cast<double>(packed_number(host, n, k)));
  return Tensor::from(w.device(), numbers, {w.N(), w.K()}, type);
}

// A sum stays f32 where x is bf16: it is what comes next that decides whether to round it.
Tensor linear_packed(const Tensor& x, const PackedTensor& w, const Tensor& bias, Where at) {
  require_packed("linear_packed", x, w, bias, at);
  Shape shape = x.shape();
  shape[-1] = w.N();
  const Tensor y = statistics(x, shape);
  x.backend().linear_packed(as_rows(y).view(), as_rows(x).view(), w.weight(), bias.view());
  return y;
}

Tensor linear_packed(const Tensor& x, const PackedTensor& w, Where at) {
  return linear_packed(x, w, Tensor(), at);
}

}  // namespace glass
