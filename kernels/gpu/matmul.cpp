// Starts the kernels of matmul.h.
#include "kernels/gpu/matmul.h"

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"

namespace glass {
using namespace gpu;

namespace {

// The last two axes of a view, whose other axes the batch walks.
Matrix matrix_of(const View& v) {
  return {{}, static_cast<uint>(v.stride[v.rank - 2]), static_cast<uint>(v.stride[v.rank - 1])};
}

// The view without its last two axes.
View batch_of(View v) {
  v.rank -= 2;
  return v;
}

Grid pieces(const MatmulArgs& p) {
  return {groups_for(p.N, kPiece), groups_for(p.M, kPiece), p.batch.count};
}

}   // namespace

void GpuBackend::matmul(Into c, View a, View b) {
  if (!c.view.data) return;
  require_floats("matmul", {&c.view, &a, &b});
  const int r = c.view.rank;
  require(r >= 2 && a.rank == r && b.rank == r, "matmul",
          "all operands must have one rank, at least 2");
  require(a.shape[r - 2] == c.view.shape[r - 2] && b.shape[r - 1] == c.view.shape[r - 1] &&
              a.shape[r - 1] == b.shape[r - 2],
          "matmul", "shapes must be (M,N), (M,K) and (K,N)");
  MatmulArgs p = {};
  p.c = matrix_of(c.view);
  p.a = matrix_of(a);
  p.b = matrix_of(b);
  p.batch =
      walk("matmul",
           {{&p.c.array, batch_of(c.view)}, {&p.a.array, batch_of(a)}, {&p.b.array, batch_of(b)}});
  p.M = static_cast<uint>(c.view.shape[r - 2]);
  p.N = static_cast<uint>(c.view.shape[r - 1]);
  p.K = static_cast<uint>(a.shape[r - 1]);
  p.add = c.add;
  launch("matmul", p, pieces(p));
}

// y (..,N) = x (..,K) w(N,K)^T + bias: the leading axes of x and y become the rows M where they can
// be walked as one, otherwise all but the last of them are a batch.
void GpuBackend::linear(View y, View x, View w, View bias) {
  require_floats("linear", {&y, &x, &w, &bias});
  require(w.rank == 2 && x.rank >= 1 && y.rank == x.rank && x.shape[x.rank - 1] == w.shape[1] &&
              y.shape[y.rank - 1] == w.shape[0],
          "linear", "shapes must be (..,N), (..,K) and (N,K)");
  MatmulArgs p = {};
  Rows to = {}, from = {};
  Walk leading = walk_rows("linear", {{&to, y}, {&from, x}});
  p.M = leading.size[leading.rank - 1];
  p.N = static_cast<uint>(w.shape[0]);
  p.K = static_cast<uint>(w.shape[1]);
  p.c = {to.array, to.array.stride[leading.rank - 1], to.column};
  p.a = {from.array, from.array.stride[leading.rank - 1], from.column};
  p.b = {array_of("linear", w), static_cast<uint>(w.stride[1]), static_cast<uint>(w.stride[0])};
  for (uint& stride : p.b.array.stride) stride = 0;   // one weight for the whole batch
  p.bias = array_of("linear", bias);
  // What is left of the leading axes is the batch.
  p.batch = leading;
  p.batch.count = p.M ? leading.count / p.M : 0;
  if (leading.rank == 1) {
    p.batch.size[0] = 1;
    p.c.array.stride[0] = p.a.array.stride[0] = 0;
  } else {
    --p.batch.rank;
  }
  launch("matmul", p, pieces(p));
}

}   // namespace glass
