// A step of AdamW over all parameters in one call: one pass over param, grad, m and v (and the
// shadow in bf16 that the next step computes with), one team wake-up.
#include "kernels/cpu/isa/loops.h"
#include "kernels/cpu/isa/rows.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/formulas.h"

namespace glass::GLASS_ISA {

namespace {

using Numbers = formulas::AdamWNumbers<Vec>;

std::int64_t elements(const View& v) {
  std::int64_t n = 1;
  for (int i = 0; i < v.rank; ++i) n *= v.shape[i];
  return n;
}

void adamw_run(const AdamWItem& item, std::int64_t begin, std::int64_t end, const Numbers& shared) {
  float *p = floats(item.param) + begin, *m = floats(item.m) + begin, *v = floats(item.v) + begin;
  const float* grad = floats(item.grad) + begin;
  std::uint16_t* shadow = item.shadow.data == nullptr ? nullptr : halves(item.shadow) + begin;
  Numbers numbers = shared;
  numbers.decay = splat(static_cast<float>(item.decay));
  each_vec(end - begin, [&](auto part, std::int64_t i) {
    const auto next = formulas::adamw_step<Vec>(
        {part.load(p + i), part.load(m + i), part.load(v + i)}, part.load(grad + i), numbers);
    part.store(p + i, next.p), part.store(m + i, next.m), part.store(v + i, next.v);
    if (shadow != nullptr) part.store(shadow + i, next.p);
  });
}

}   // namespace

void Cpu::adamw(const AdamWItem* items, int count, View numbers, View norm, View skipped) {
  require_f32("adamw", numbers, norm);
  require_i32("adamw", skipped);
  for (int i = 0; i < count; ++i) {
    require_f32("adamw", items[i].param, items[i].grad, items[i].m, items[i].v);
    require_bf16("adamw", items[i].shadow);
  }
  const float total = norm.data == nullptr ? 0.0f : *floats(norm);
  const bool skip = !(total - total == 0.0f);   // inf - inf and NaN - NaN are not 0
  if (skipped.data != nullptr) *reinterpret_cast<std::int32_t*>(skipped.data) = skip ? 1 : 0;
  if (skip) return;

  const float* n = floats(numbers);
  const std::int64_t step = numbers.rank == 0 ? 1 : numbers.stride[numbers.rank - 1];
  const auto number = [&](AdamWNumber which) { return n[which * step]; };
  const float max_norm = number(kMaxNorm);
  const Vec clip = norm.data != nullptr && max_norm > 0
                       ? formulas::clip_factor(splat(total), splat(max_norm))
                       : splat(1.0f);
  const Numbers shared = {splat(number(kLearningRate)),
                          splat(number(kBeta1)),
                          splat(number(kBeta2)),
                          splat(number(kEps)),
                          splat(number(kCorrection1)),
                          splat(number(kCorrection2)),
                          zero(),
                          clip};

  // Chunks are counted through all items, so that many small ones make one parallel region.
  constexpr std::int64_t kGrainAdamW = 8192;
  std::int64_t* first = reinterpret_cast<std::int64_t*>(scratch(Scratch::partials, 2 * count));
  std::int64_t chunks = 0, size = 0;
  for (int i = 0; i < count; ++i) {
    first[i] = chunks;
    chunks += chunks_of(elements(items[i].param), kGrainAdamW);
    size += elements(items[i].param);
  }
  parallel_or_not(team_, chunks, size > kGrainAdamW, [&](std::int64_t chunk) {
    const int i = owner_of(first, count, chunk);
    const std::int64_t begin = (chunk - first[i]) * kGrainAdamW, all = elements(items[i].param);
    adamw_run(items[i], begin, begin + kGrainAdamW < all ? begin + kGrainAdamW : all, shared);
  });
}

}   // namespace glass::GLASS_ISA
