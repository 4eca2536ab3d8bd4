// Starts the kernels of fold.h: by rows or by columns, in one launch or in two.
#include "kernels/gpu/fold.h"

#include <algorithm>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"
#include "kernels/gpu/workspace.h"

namespace glass {
using namespace gpu;

namespace {

constexpr uint kSegment =
    4096;   // a sum that is longer is cut, unless there are results enough to fill a GPU
constexpr uint kManyResults = 16384;

// The axes of x that y keeps, and those that disappear.
struct Parts {
  View kept, seen;
};
Parts parts(const View& y, const View& x) {
  Parts p = {x, x};
  for (int i = 0; i < x.rank; ++i) {
    const bool keeps = y.shape[i] == x.shape[i];
    (keeps ? p.seen : p.kept).shape[i] = 1;
  }
  return p;
}

uint last_stride(const Walk& w, const Array& a) { return w.count > 1 ? a.stride[w.rank - 1] : ~0u; }

}   // namespace

void GpuBackend::fold(Fold f, Into y, View x) {
  if (!y.view.data) return;
  require_floats("fold", {&y.view, &x});
  require(y.view.rank == x.rank, "fold", "y and x must have one rank");
  for (int i = 0; i < x.rank; ++i)
    require(y.view.shape[i] == x.shape[i] || y.view.shape[i] == 1, "fold",
            "y must have x's sizes or 1");

  FoldArgs p = {};
  const Parts of_x = parts(y.view, x);
  p.y.add = y.add;
  p.kept = walk("fold", {{&p.y.array, y.view}, {&p.x_kept, of_x.kept}});
  p.seen = walk("fold", {{&p.x_seen, of_x.seen}});
  p.largest = f == Fold::max;
  const bool by_rows = last_stride(p.seen, p.x_seen) < last_stride(p.kept, p.x_kept);
  const uint segments =
      p.kept.count < kManyResults ? std::max(1u, groups_for(p.seen.count, kSegment)) : 1;
  p.segment = segments > 1 ? kSegment : std::max(1u, p.seen.count);

  Workspace partial(*this, segments > 1 ? std::size_t{segments} * p.kept.count : 0);
  p.partial = partial.data();
  launch(by_rows ? "fold_rows" : "fold_columns", p,
         {groups_for(p.kept.count, by_rows ? 8 : 32), segments});
  if (segments > 1) fold_partial(p, segments);
}

// Result r of segment s is number s * results + r of p.partial: folds the segments, walking over y
// as p does.
void GpuBackend::fold_partial(FoldArgs p, unsigned segments) {
  p.x_seen = {p.partial, kF32, {p.kept.count}};
  p.x_kept = p.x_seen;
  for (uint axis = p.kept.rank, stride = 1; axis-- > 0; stride *= p.kept.size[axis])
    p.x_kept.stride[axis] = stride;
  p.partial = nullptr;
  p.seen = {};
  p.seen.count = p.seen.size[0] = segments;
  p.seen.rank = 1;
  p.segment = segments;
  launch("fold_columns", p, {groups_for(p.kept.count, 32)});
}

// y = the sum of (segments, count(y)) numbers over the segments.
void GpuBackend::fold_segments(const char* op, Into y, float* partial, unsigned segments) {
  if (!y.view.data) return;
  FoldArgs p = {};
  p.y.add = y.add;
  p.kept = walk(op, {{&p.y.array, y.view}});
  p.partial = partial;
  fold_partial(p, segments);
}

}   // namespace glass
