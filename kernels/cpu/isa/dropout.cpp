// dropout: y = x / (1 - p) where element i's random number is high enough, 0 elsewhere. No mask is
// stored: backward asks for the same numbers again. Elements are counted in the order of the shape,
// so the strides do not change the mask.
#include "kernels/cpu/isa/loops.h"
#include "kernels/cpu/isa/philox.h"
#include "kernels/cpu/isa/rows.h"

namespace glass::GLASS_ISA {

namespace {

struct Drop {
  RandomKey key;
  IVec threshold;
  Vec scale;
};

// n elements whose first one has number `number`.
void dropout_run(float* y, bool add, const float* x, std::int64_t n, std::int64_t number,
                 const Drop& drop) {
  alignas(64) std::uint32_t numbers[kDrawn + kLanes];   // so that a Vec may begin at the last one
  const Drop d = drop;
  for (std::int64_t i = 0; i < n;) {
    // The first block may begin before element i: a run starts anywhere, a block at a multiple of
    // four.
    const std::int64_t block = (number + i) / 4, skip = (number + i) % 4;
    draw(d.key, static_cast<std::uint32_t>(block), numbers);
    const std::int64_t m = n - i < kDrawn - skip ? n - i : kDrawn - skip;
    each_vec(m, [&](auto part, std::int64_t j) {
      const Mask kept = at_least(iload(numbers + skip + j), d.threshold);
      const Vec value = select(kept, part.load(x + i + j) * d.scale, zero());
      part.store(y + i + j, add ? part.load(y + i + j) + value : value);
    });
    i += m;
  }
}

}   // namespace

void Cpu::dropout(Into y, View x, double p, RandomKey key) {
  if (y.view.data == nullptr) return;
  require_floats("dropout", y.view, x);
  const Drop drop = {key, isplat(drop_threshold(p)), splat(static_cast<float>(1 / (1 - p)))};
  const bool add = y.add;
  const Rows Y = rows_of(y.view), X = rows_of(x);
  if (X.count == 0 || X.C == 0) return;
  if (is_contiguous(Y) && is_contiguous(X)) {   // one long row
    parallel_ranges(team_, X.count * X.C, kGrainMath, [&](std::int64_t begin, std::int64_t end) {
      const RowBuffers buffers = row_buffers(X.half || Y.half, 2, end - begin);
      float* to = begin_at(Y, begin, end - begin, add, buffers[0]);
      dropout_run(to, add, read_at(X, begin, end - begin, buffers[1]), end - begin, begin, drop);
      finish_at(Y, begin, end - begin, buffers[0]);
    });
    return;
  }
  const bool pack = !is_plain(X) || !is_plain(Y);
  const std::int64_t per_chunk = rows_per_chunk(X.C, kGrainMath);
  parallel_ranges(team_, X.count, per_chunk, [&](std::int64_t begin, std::int64_t end) {
    const RowBuffers buffers = row_buffers(pack, 2, X.C);
    for (std::int64_t r = begin; r < end; ++r) {
      float* to = begin_row(Y, r, add, buffers[0]);
      dropout_run(to, add, read_row(X, r, buffers[1]), X.C, r * X.C, drop);
      finish_row(Y, r, buffers[0]);
    }
  });
}

}   // namespace glass::GLASS_ISA
