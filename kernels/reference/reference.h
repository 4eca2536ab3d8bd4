// The definition of right: every kernel as the obvious loop, in f32 and f64, on one thread. Other backends are tested
// against this one, and in f64 it is exact enough to check derivatives by finite differences.
#pragma once
#include "kernels/backend.h"
#include "kernels/host_memory.h"

namespace glass {

class ReferenceBackend final : public Backend {
 public:
  const char* name() const override;
  bool supports(DType) const override;

  std::byte* allocate(std::size_t bytes) override;
  void release(std::byte*, std::size_t bytes) noexcept override;
  void upload(std::byte* to, const void* host, std::size_t bytes) override;
  void fetch(const Fetch* pieces, int count) override;
  void wait() override;
  MemoryUse memory_use() const override;
  std::size_t chunk_bytes() const override;
  const HostMemory& memory() const { return memory_; }

  void fill(View y, double c) override;
  void copy(Into y, View x) override;
  void affine(Into y, View x, double scale, double shift) override;
  void map(Unary f, View y, View x) override;
  void map_backward(Unary f, Into dx, View dy, View x) override;
  void zip(Binary f, Into y, View a, View b) override;
  void fold(Fold f, Into y, View x) override;
  void matmul(Into c, View a, View b) override;
  void gather(View y, View table, View ids) override;
  void scatter_add(Into table, View ids, View y) override;

  void linear(View y, View x, View w, View bias) override;
  void linear_packed(View y, View x, PackedWeight w, View bias) override;
  void swiglu(View y, View gate, View up) override;
  void swiglu_backward(Into dgate, Into dup, View dy, View gate, View up) override;
  void softmax(View y, View x) override;
  void softmax_backward(Into dx, View dy, View y) override;
  void layernorm(View y, View mean, View rstd, View x, View w, View b, double eps) override;
  void layernorm_backward(Into dx, Into dw, Into db, View dy, View x, View w, View mean,
                          View rstd) override;
  void rmsnorm(View y, View rstd, View x, View w, double eps) override;
  void rmsnorm_backward(Into dx, Into dw, View dy, View x, View w, View rstd) override;
  void attention(View y, View lse, View q, View k, View v, const Attention&) override;
  void attention_backward(Into dq, Into dk, Into dv, View dy, View y, View lse, View q, View k,
                          View v, const Attention&) override;
  void rope(Into y, View x, double base, std::int64_t position, bool inverse) override;
  void dropout(Into y, View x, double p, RandomKey key) override;
  void cross_entropy(View loss, View lse, View logits, View targets, std::int64_t ignore) override;
  void cross_entropy_backward(Into dlogits, View dloss, View logits, View lse, View targets,
                              std::int64_t ignore) override;

  void global_norm(View norm, const View* grads, int count) override;
  void adamw(const AdamWItem* items, int count, View numbers, View norm, View skipped) override;

 private:
  HostMemory memory_;
};

}  // namespace glass
