// The CPU backend of one instruction set. Every method is written once, in the files beside this
// one, and compiled once per instruction set: glass::scalar::Cpu, glass::avx2::Cpu, ...
#pragma once
#include "kernels/cpu/cpu_base.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd.h"

namespace glass::GLASS_ISA {

class Cpu final : public CpuBase {
 public:
  explicit Cpu(int threads);

  // elementwise.cpp
  void fill(View y, double c) override;
  void copy(Into y, View x) override;
  void affine(Into y, View x, double scale, double shift) override;
  void map(Unary f, View y, View x) override;
  void map_backward(Unary f, Into dx, View dy, View x) override;
  void zip(Binary f, Into y, View a, View b) override;
  void swiglu(View y, View gate, View up) override;
  void swiglu_backward(Into dgate, Into dup, View dy, View gate, View up) override;
  // reduce.cpp
  void fold(Fold f, Into y, View x) override;
  void global_norm(View norm, const View* grads, int count) override;
  // matmul.cpp
  void matmul(Into c, View a, View b) override;
  void linear(View y, View x, View w, View bias) override;
  // linear_packed.cpp
  void linear_packed(View y, View x, PackedWeight w, View bias) override;
  // embedding.cpp
  void gather(View y, View table, View ids) override;
  void scatter_add(Into table, View ids, View y) override;
  // softmax.cpp
  void softmax(View y, View x) override;
  void softmax_backward(Into dx, View dy, View y) override;
  // norm.cpp
  void layernorm(View y, View mean, View rstd, View x, View w, View b, double eps) override;
  void layernorm_backward(Into dx, Into dw, Into db, View dy, View x, View w, View mean,
                          View rstd) override;
  void rmsnorm(View y, View rstd, View x, View w, double eps) override;
  void rmsnorm_backward(Into dx, Into dw, View dy, View x, View w, View rstd) override;
  // attention.cpp
  void attention(View y, View lse, View q, View k, View v, const Attention&) override;
  void attention_backward(Into dq, Into dk, Into dv, View dy, View y, View lse, View q, View k,
                          View v, const Attention&) override;
  // rope.cpp
  void rope(Into y, View x, double base, std::int64_t position, bool inverse) override;
  // dropout.cpp
  void dropout(Into y, View x, double p, RandomKey key) override;
  // cross_entropy.cpp
  void cross_entropy(View loss, View lse, View logits, View targets, std::int64_t ignore) override;
  void cross_entropy_backward(Into dlogits, View dloss, View logits, View lse, View targets,
                              std::int64_t ignore) override;
  // optimizer.cpp
  void adamw(const AdamWItem* items, int count, View numbers, View norm, View skipped) override;
};

// A View of rank r seen without its data: plain floats.
GLASS_SIMD float* floats(const View& v) { return reinterpret_cast<float*>(v.data); }
GLASS_SIMD std::uint16_t* halves(const View& v) {   // bf16
  return reinterpret_cast<std::uint16_t*>(v.data);
}
GLASS_SIMD const std::int32_t* ids_of(const View& v) {
  return reinterpret_cast<const std::int32_t*>(v.data);
}

// Every kernel here computes in f32: other types are refused before anything is written.
template <class... Views>
GLASS_SIMD void require_f32(const char* kernel, const Views&... views) {
  const View* all[] = {&views...};
  for (const View* v : all) {
    if (v->data != nullptr && v->dtype != DType::f32) refuse_type(kernel, v->dtype, DType::f32);
  }
}
// The same where a View may also be stored in bf16.
template <class... Views>
GLASS_SIMD void require_floats(const char* kernel, const Views&... views) {
  const View* all[] = {&views...};
  for (const View* v : all) {
    if (v->data != nullptr && v->dtype != DType::f32 && v->dtype != DType::bf16)
      refuse_type(kernel, v->dtype, DType::f32);
  }
}
GLASS_SIMD void require_bf16(const char* kernel, const View& v) {
  if (v.data != nullptr && v.dtype != DType::bf16) refuse_type(kernel, v.dtype, DType::bf16);
}
GLASS_SIMD void require_i32(const char* kernel, const View& v) {
  if (v.data != nullptr && v.dtype != DType::i32) refuse_type(kernel, v.dtype, DType::i32);
}

}   // namespace glass::GLASS_ISA
