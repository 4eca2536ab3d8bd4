// Weights packed for inference (kernels/packed.h), as tensors know them: memory on a device that is shared by copies.
// Nothing here has a derivative: who packs a weight wants to use it, not to train it.
#pragma once
#include <memory>

#include "engine/tensor.h"

namespace glass {

class PackedTensor {                                    // (N,K)
 public:
  PackedTensor() = default;
  PackedTensor(std::shared_ptr<Buffer> buffer, PackedType type, std::int64_t N, std::int64_t K)
      : buffer_(std::move(buffer)), type_(type), N_(N), K_(K) {}
  explicit operator bool() const { return buffer_ != nullptr; }
  const Device& device() const { return buffer_->device; }
  PackedType type() const { return type_; }
  std::int64_t N() const { return N_; }
  std::int64_t K() const { return K_; }
  std::size_t bytes() const { return buffer_->bytes; }  // what a token has to read
  PackedWeight weight() const { return {buffer_->data, type_, N_, K_}; }

 private:
  std::shared_ptr<Buffer> buffer_;
  PackedType type_ = PackedType::f32;
  std::int64_t N_ = 0, K_ = 0;
};

PackedTensor pack(const Tensor& w, PackedType type);              // a matrix
Tensor unpacked(const PackedTensor& w, DType type = DType::f32);  // the numbers it stands for
Tensor linear_packed(const Tensor& x, const PackedTensor& w, Where = Where::here());   // (..,K) -> (..,N); f32 also for x in bf16
Tensor linear_packed(const Tensor& x, const PackedTensor& w, const Tensor& bias, Where = Where::here());
// head_loss of ops.h with such a weight, in chunks of rows as well; its value only.
Tensor head_loss(const Tensor& x, const PackedTensor& w, const Tensor& targets, std::int64_t ignore,
                 Where = Where::here());

}  // namespace glass
