// Matrix products: from Views to one of three ways to multiply.
//
//   matmul_views        which product is it? strides, batches, which operand is the left one
//   multiply            a batch of products, each the way that suits it:
//   matmul_large.cpp    packed panels that fit the caches, rectangles for the threads
//   matmul_small.cpp    operands where they lie
//   matmul_few.cpp      up to eight rows times a transposed matrix
//
// The sum over k is never split over threads, and its order depends on nothing but the shape of the
// product. So the bits are the same for any number of threads.
#include "kernels/cpu/matmul.h"

#include "kernels/cpu/isa/cpu.h"

namespace glass::GLASS_ISA {
namespace {

struct Batch {   // the leading axes, innermost first: sizes and strides
  int axes;
  Index size[kMaxRank], a[kMaxRank], b[kMaxRank], c[kMaxRank];
};

GLASS_SIMD Product member(const Product& p, const Batch& batch, Index index) {
  Product q = p;
  for (int axis = 0; axis < batch.axes; ++axis) {
    const Index at = index % batch.size[axis];
    index /= batch.size[axis];
    q.a.data += at * batch.a[axis] * (p.a.half ? 2 : 4);
    q.b.data += at * batch.b[axis] * (p.b.half ? 2 : 4);
    q.c.data += at * batch.c[axis] * (p.c.half ? 2 : 4);
  }
  return q;
}

void multiply(const Team& team, const Product& p, const Batch& batch) {
  Index members = 1;
  for (int axis = 0; axis < batch.axes; ++axis) members *= batch.size[axis];
  if (members == 0 || p.rows == 0 || p.columns == 0) return;
  const auto one = [&](Index index) {
    const Product q = member(p, batch, index);
    if (has_few_rows(q)) return multiply_few_rows(team, q);
    is_small(q) ? multiply_small(team, q) : multiply_large(team, q);
  };
  // Many members, or small ones: a thread each. Inside of them nothing is shared out any more.
  const bool together = members >= 4 * team.threads || !is_worth_sharing(p);
  const Index products = members * p.rows * p.columns * p.depth;
  parallel_or_not(team, members, together && products >= kSerialWork, one);
}

// Several rows of a meeting the same b are one product with more rows: leading axes that only walk
// on along the rows become rows.
void matmul_views(const Team& team, const Into& c, const View& a, const View& b,
                  const float* bias) {
  const int row = c.view.rank - 2, column = c.view.rank - 1;
  Product p{};
  p.rows = c.view.shape[row], p.columns = c.view.shape[column], p.depth = a.shape[column];
  p.a = {a.data, a.dtype == DType::bf16, a.stride[row], a.stride[column]};
  p.b = {b.data, b.dtype == DType::bf16, b.stride[column], b.stride[row]};
  p.c = {c.view.data, c.view.dtype == DType::bf16, c.view.stride[row], c.view.stride[column],
         c.add};
  p.bias = bias;
  Batch batch{};
  for (int axis = row - 1; axis >= 0; --axis) {
    const Index size = c.view.shape[axis];
    if (size == 1) continue;
    if (p.rows == 1) {   // any stride continues a single row
      p.a.wide = a.stride[axis], p.c.row = c.view.stride[axis];
    }
    const bool walks_on =
        a.stride[axis] == p.rows * p.a.wide && c.view.stride[axis] == p.rows * p.c.row;
    if (batch.axes == 0 && b.stride[axis] == 0 && walks_on) {
      p.rows *= size;
      continue;
    }
    const int at = batch.axes++;
    batch.size[at] = size;
    batch.a[at] = a.stride[axis], batch.b[at] = b.stride[axis], batch.c[at] = c.view.stride[axis];
  }
  // c^T = b^T a^T: the side along which c is contiguous (or long, if it is a single column) lies in
  // the vectors.
  if (bias == nullptr && ((p.columns == 1 && p.rows > 1) || (p.c.column != 1 && p.c.row == 1))) {
    const Product q = p;
    p.rows = q.columns, p.columns = q.rows;
    p.a = q.b, p.b = q.a;
    p.c.row = q.c.column, p.c.column = q.c.row;
    for (int axis = 0; axis < batch.axes; ++axis) {
      const Index stride = batch.a[axis];
      batch.a[axis] = batch.b[axis], batch.b[axis] = stride;
    }
  }
  multiply(team, p, batch);
}

// A vector is a matrix of one row.
GLASS_SIMD View as_matrix(View v) {
  if (v.rank != 1) return v;
  v.rank = 2, v.shape[1] = v.shape[0], v.stride[1] = v.stride[0], v.shape[0] = 1, v.stride[0] = 0;
  return v;
}

// Two factors of one type; f32 or bf16 for everything else.
template <class... Others>
GLASS_SIMD void require_factors(const char* kernel, const View& a, const View& b,
                                const Others&... others) {
  require_floats(kernel, a, b, others...);
  if (a.dtype != b.dtype) refuse_type(kernel, b.dtype, a.dtype);
}

}   // namespace

void Cpu::matmul(Into c, View a, View b) {
  if (c.view.data == nullptr) return;
  require_factors("matmul", a, b, c.view);
  matmul_views(team_, c, a, b, nullptr);
}

void Cpu::linear(View y, View x, View w, View bias) {
  require_factors("linear", x, w, y, bias);
  y = as_matrix(y), x = as_matrix(x);
  const int row = y.rank - 2, column = y.rank - 1;
  View wt = y;   // (..,K,N), the same w for every leading index
  wt.data = w.data, wt.dtype = w.dtype;
  for (int axis = 0; axis < row; ++axis) wt.stride[axis] = 0;
  wt.shape[row] = w.shape[1], wt.stride[row] = w.stride[1];
  wt.shape[column] = w.shape[0], wt.stride[column] = w.stride[0];

  if (bias.data == nullptr) return matmul_views(team_, {y, false}, x, wt, nullptr);
  if (w.shape[0] == 1 &&
      y.dtype == DType::f32) {   // a matrix times a vector is fastest without a bias of its own
    View everywhere = y;
    everywhere.data = bias.data, everywhere.dtype = bias.dtype;
    for (int axis = 0; axis < y.rank; ++axis) everywhere.stride[axis] = 0;
    copy({y, false}, everywhere);
    return matmul_views(team_, {y, true}, x, wt, nullptr);
  }
  const float* b = floats(bias);
  const bool half = bias.dtype == DType::bf16;
  if (half || bias.stride[0] != 1) {
    float* neighbours = scratch(Scratch::partials, bias.shape[0]);
    for (Index j = 0; j < bias.shape[0]; ++j) {
      const Index at = j * bias.stride[0];
      neighbours[j] = half ? widen(halves(bias)[at]) : b[at];
    }
    b = neighbours;
  }
  matmul_views(team_, {y, false}, x, wt, b);
}

}   // namespace glass::GLASS_ISA
