// Cross-entropy of a row of logits: loss = lse - logits[target] with lse = log(sum over the row of
// exp(logits)); backward dlogits = dloss (exp(logits - lse) - onehot(target)). The logits are read
// from memory once each way.
#include "kernels/cpu/isa/loops.h"
#include "kernels/cpu/isa/rows.h"
#include "kernels/cpu/vector_math.h"

namespace glass::GLASS_ISA {

namespace {

// sum of exp(x) = total exp(top), in one pass: block by block, the total is rescaled when a larger
// maximum turns up. A row of nothing but -inf has top 0 and total 0; a NaN makes the total NaN.
struct ScaledSum {
  float top, total;
};

ScaledSum sum_of_exp(const float* x, std::int64_t V) {
  constexpr std::int64_t kBlock = 2048;
  float top = -kInfinity;
  double total = 0;
  for (std::int64_t begin = 0; begin < V; begin += kBlock) {
    const std::int64_t n = V - begin < kBlock ? V - begin : kBlock;
    const float* block = x + begin;
    const float block_top = largest(block, n);
    if (block_top > top) {
      if (begin > 0) total *= static_cast<double>(first_lane(exp(splat(top - block_top))));
      top = block_top;
    }
    if (top ==
        -kInfinity) {   // -inf minus -inf is no number: nothing to add, unless a NaN is among them
      if (has_nan(block, n)) return {0, kNaN};
      continue;
    }
    const Vec shift = splat(top);
    total = add_lanes(total, sum_vecs(n, [&](auto part, std::int64_t i) {
                        return exp(part.load(block + i) - shift);
                      }));
  }
  return {top == -kInfinity ? 0.0f : top, static_cast<float>(total)};
}

void dlogits_row(float* dx, bool add, const float* x, std::int64_t V, float lse,
                 std::int64_t target, float dloss) {
  const float before = add ? dx[target] : 0.0f, hit = x[target];   // dx may be x
  const Vec shift = splat(lse), scale = splat(dloss);
  each_vec(V, [&](auto part, std::int64_t i) {
    const Vec value = scale * exp(part.load(x + i) - shift);
    part.store(dx + i, add ? part.load(dx + i) + value : value);
  });
  // The target again, with p - 1 taken before anything is rounded away.
  dx[target] = before + dloss * (first_lane(exp(splat(hit - lse))) - 1.0f);
}

void require_targets(const char* kernel, const Rows& targets, std::int64_t V, std::int64_t ignore) {
  for (std::int64_t r = 0; r < targets.count; ++r) {
    const std::int64_t target = id_at(targets, r);
    if (target != ignore && (target < 0 || target >= V)) refuse_id(kernel, target, r, V);
  }
}

}   // namespace

void Cpu::cross_entropy(View loss, View lse, View logits, View targets, std::int64_t ignore) {
  require_f32("cross_entropy", loss, lse), require_floats("cross_entropy", logits);
  require_i32("cross_entropy", targets);
  const Rows X = rows_of(logits), L = elements_of(loss), S = elements_of(lse),
             ids = elements_of(targets);
  require_targets("cross_entropy", ids, X.C, ignore);
  if (X.count == 0) return;
  const bool pack = !is_plain(X);
  const std::int64_t per_chunk = rows_per_chunk(X.C, kGrainMath);
  parallel_ranges(team_, X.count, per_chunk, [&](std::int64_t begin, std::int64_t end) {
    const RowBuffers buffers = row_buffers(pack, 1, X.C);
    // Some rows share a logarithm: it takes as long for a Vec as for one number.
    constexpr std::int64_t kTogether = 16;
    float tops[kTogether], totals[kTogether], hits[kTogether];
    for (std::int64_t first = begin; first < end; first += kTogether) {
      const std::int64_t rows = end - first < kTogether ? end - first : kTogether;
      for (std::int64_t i = 0; i < rows; ++i) {
        const float* x = read_row(X, first + i, buffers[0]);
        const ScaledSum s = sum_of_exp(x, X.C);
        const std::int64_t target = id_at(ids, first + i);
        tops[i] = s.top, totals[i] = s.total, hits[i] = target == ignore ? 0.0f : x[target];
      }
      each_vec(rows, [&](auto part, std::int64_t i) {   // log(0) = -inf: a row of nothing but -inf
        part.store(totals + i, part.load(tops + i) + log(part.load(totals + i)));
      });
      for (std::int64_t i = 0; i < rows; ++i) {
        *row(S, first + i) = totals[i];
        *row(L, first + i) = id_at(ids, first + i) == ignore ? 0.0f : totals[i] - hits[i];
      }
    }
  });
}

void Cpu::cross_entropy_backward(Into dlogits, View dloss, View logits, View lse, View targets,
                                 std::int64_t ignore) {
  if (dlogits.view.data == nullptr) return;
  require_f32("cross_entropy_backward", dloss, lse);
  require_floats("cross_entropy_backward", dlogits.view, logits);
  require_i32("cross_entropy_backward", targets);
  const Rows X = rows_of(logits), DX = rows_of(dlogits.view);
  const Rows D = elements_of(dloss), S = elements_of(lse), ids = elements_of(targets);
  require_targets("cross_entropy_backward", ids, X.C, ignore);
  if (X.count == 0) return;
  const bool pack = !is_plain(X) || !is_plain(DX), add = dlogits.add;
  const std::int64_t per_chunk = rows_per_chunk(X.C, kGrainMath);
  parallel_ranges(team_, X.count, per_chunk, [&](std::int64_t begin, std::int64_t end) {
    const RowBuffers buffers = row_buffers(pack, 2, X.C);
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t target = id_at(ids, r);
      if (target == ignore && add) continue;
      float* dx = begin_row(DX, r, add, buffers[0]);
      if (target == ignore) {
        each_vec(X.C, [&](auto part, std::int64_t i) { part.store(dx + i, zero()); });
      } else {
        const float* x = read_row(X, r, buffers[1]);
        dlogits_row(dx, add, x, X.C, *row(S, r), target, *row(D, r));
      }
      finish_row(DX, r, buffers[0]);
    }
  });
}

}   // namespace glass::GLASS_ISA
