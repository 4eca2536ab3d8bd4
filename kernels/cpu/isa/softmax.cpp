// softmax(x)_c = exp(x_c - max) / sum over j of exp(x_j - max), row by row; and its derivative.
#include "kernels/cpu/isa/loops.h"
#include "kernels/cpu/isa/rows.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/formulas.h"

namespace glass::GLASS_ISA {

namespace {

void softmax_row(float* y, const float* x, std::int64_t C) {
  const float top = largest(x, C);
  if (top == -kInfinity) {   // nothing to choose from: zeros, unless a NaN hides among the -inf
    const Vec value = splat(has_nan(x, C) ? kNaN : 0.0f);
    each_vec(C, [&](auto part, std::int64_t i) { part.store(y + i, value); });
    return;
  }
  const Vec shift = splat(top);
  const double total = sum_row(C, [&](auto part, std::int64_t i) {
    const Vec e = exp(part.load(x + i) - shift);
    part.store(y + i, e);
    return e;
  });
  const Vec scale = splat(static_cast<float>(1.0 / total));
  each_vec(C, [&](auto part, std::int64_t i) { part.store(y + i, part.load(y + i) * scale); });
}

// dx = y (dy - sum over the row of dy y)
void softmax_backward_row(float* dx, bool add, const float* dy, const float* y, std::int64_t C) {
  const double total =
      sum_row(C, [&](auto part, std::int64_t i) { return part.load(dy + i) * part.load(y + i); });
  const Vec dot = splat(static_cast<float>(total));
  each_vec(C, [&](auto part, std::int64_t i) {
    const Vec value = formulas::softmax_dx(part.load(dy + i), part.load(y + i), dot);
    part.store(dx + i, add ? part.load(dx + i) + value : value);
  });
}

}   // namespace

void Cpu::softmax(View y, View x) {
  require_floats("softmax", y, x);
  const Rows Y = rows_of(y), X = rows_of(x);
  if (X.count == 0 || X.C == 0) return;
  const bool pack = !is_plain(X) || !is_plain(Y);
  const std::int64_t per_chunk = rows_per_chunk(X.C, kGrainMath);
  parallel_ranges(team_, X.count, per_chunk, [&](std::int64_t begin, std::int64_t end) {
    const RowBuffers buffers = row_buffers(pack, 2, X.C);
    for (std::int64_t r = begin; r < end; ++r) {
      float* to = begin_row(Y, r, false, buffers[0]);
      softmax_row(to, read_row(X, r, buffers[1]), X.C);
      finish_row(Y, r, buffers[0]);
    }
  });
}

void Cpu::softmax_backward(Into dx, View dy, View y) {
  if (dx.view.data == nullptr) return;
  require_floats("softmax_backward", dx.view, dy, y);
  const Rows DX = rows_of(dx.view), DY = rows_of(dy), Y = rows_of(y);
  if (Y.count == 0 || Y.C == 0) return;
  const std::int64_t C = Y.C;
  const bool pack = !is_plain(DX) || !is_plain(DY) || !is_plain(Y), add = dx.add;
  const std::int64_t per_chunk = rows_per_chunk(C, kGrain);
  parallel_ranges(team_, Y.count, per_chunk, [&](std::int64_t begin, std::int64_t end) {
    const RowBuffers buffers = row_buffers(pack, 3, C);
    for (std::int64_t r = begin; r < end; ++r) {
      float* to = begin_row(DX, r, add, buffers[0]);
      softmax_backward_row(to, add, read_row(DY, r, buffers[1]), read_row(Y, r, buffers[2]), C);
      finish_row(DX, r, buffers[0]);
    }
  });
}

}   // namespace glass::GLASS_ISA
