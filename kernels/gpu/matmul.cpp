// Starts the kernels of matmul.h and matmul_blocks.h.
#include "kernels/gpu/matmul.h"

#include <algorithm>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"
#include "kernels/gpu/workspace.h"

namespace glass {
using namespace gpu;

namespace {

// The last two axes of a view, whose other axes the batch walks.
Matrix matrix_of(const View& v) {
  return {{}, static_cast<uint>(v.stride[v.rank - 2]), static_cast<uint>(v.stride[v.rank - 1]), 0};
}

// The view without its last two axes.
View batch_of(View v) {
  v.rank -= 2;
  return v;
}

// Whether runs of `numbers`, along the axis of stride 1, all begin at a multiple of their size.
bool in_pieces(const Matrix& m, const Walk& batch, uint numbers) {
  const std::uintptr_t bytes = numbers * (m.array.type == kBF16 ? 2 : 4);
  if (reinterpret_cast<std::uintptr_t>(m.array.data) % bytes != 0) return false;
  if (std::min(m.row, m.column) != 1 || std::max(m.row, m.column) % numbers != 0) return false;
  for (uint axis = 0; axis < batch.rank; ++axis)
    if (m.array.stride[axis] % numbers != 0) return false;
  return true;
}

// A factor lies along k where its numbers are closer together that way.
const char* kernel_on_blocks(const MatmulArgs& p) {
  const bool a_along = p.a.column <= p.a.row, b_along = p.b.row <= p.b.column;
  if (a_along) return b_along ? "matmul_along_along" : "matmul_along_across";
  return b_along ? "matmul_across_along" : "matmul_across_across";
}

// Into how many segments a sum is cut: so many that a large GPU has two groups for each of its
// processors, and none shorter than is worth a second launch. It must not depend on the GPU at
// hand: the bits do on how a sum is cut.
constexpr std::uint64_t kEnoughGroups = 256;
constexpr uint kShortestSegment = 1024;
uint segments_of(const MatmulArgs& p, Grid grid) {
  const std::uint64_t groups = std::uint64_t{grid.x} * grid.y * grid.z;
  if (p.batch.count != 1 || p.bias.data || groups == 0 || groups >= kEnoughGroups) return 1;
  return std::max(1u, std::min(p.K / kShortestSegment, static_cast<uint>(kEnoughGroups / groups)));
}

}   // namespace

void GpuBackend::product(const char* op, MatmulArgs p, View c) {
  require(p.a.array.type == p.b.array.type, op, "both factors must have one type");
  p.segments = 1;
  p.segment = p.K;
  if (p.a.array.type == kBF16) return product_on_blocks(op, p, c);
  launch_batch("matmul", p, {groups_for(p.N, kPiece), groups_for(p.M, kPiece), p.batch.count});
}

void GpuBackend::product_on_blocks(const char* op, MatmulArgs p, View c) {
  Grid grid = {groups_for(p.N, kGroupTile), groups_for(p.M, kGroupTile), p.batch.count};
  p.a.pieces = in_pieces(p.a, p.batch, 8);
  p.b.pieces = in_pieces(p.b, p.batch, 8);
  p.c.pieces = p.c.column == 1 && in_pieces(p.c, p.batch, 2);
  const uint segments = segments_of(p, grid);
  if (segments == 1) return launch_batch(kernel_on_blocks(p), p, grid);

  p.segment = groups_for(p.K, segments * kBlock) * kBlock;
  grid.z = p.segments = groups_for(p.K, p.segment);
  const Workspace partial(*this, std::size_t{p.segments} * p.M * p.N);
  const Into sum = {c, p.add != 0};
  p.c = {{partial.data(), kF32, {}}, p.N, 1, p.N % 2 == 0};
  p.add = false;
  launch_batch(kernel_on_blocks(p), p, grid);
  fold_segments(op, sum, partial.data(), p.segments);
}

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
  product("matmul", p, c.view);
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
  p.c = {to.array, to.array.stride[leading.rank - 1], to.column, 0};
  p.a = {from.array, from.array.stride[leading.rank - 1], from.column, 0};
  p.b = {array_of("linear", w), static_cast<uint>(w.stride[1]), static_cast<uint>(w.stride[0]), 0};
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
  product("linear", p, y);
}

}   // namespace glass
