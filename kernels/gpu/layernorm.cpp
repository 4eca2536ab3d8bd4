// Starts the kernels of layernorm.h.
#include "kernels/gpu/layernorm.h"

#include <algorithm>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"
#include "kernels/gpu/workspace.h"

namespace glass {
using namespace gpu;

namespace {

constexpr uint kSegmentRows = 256;   // of which one group adds up a column of dw

// A vector of C numbers, or none.
Array vector_of(const char* op, const View& v, uint C) {
  require(!v.data || (v.rank == 1 && v.shape[0] == C), op, "w and b must be (C)");
  return array_of(op, v);
}

}   // namespace

void GpuBackend::layernorm(View y, View mean, View rstd, View x, View w, View b, double eps) {
  require_floats("layernorm", {&y, &mean, &rstd, &x, &w, &b});
  NormArgs p = {};
  p.walk = walk_rows("layernorm", {{&p.y, y}, {&p.x, x}, {&p.mean, mean}, {&p.rstd, rstd}});
  p.C = row_length(x);
  p.w = vector_of("layernorm", w, p.C);
  p.b = vector_of("layernorm", b, p.C);
  p.eps = static_cast<float>(eps);
  launch("layernorm", p, {groups_for(p.walk.count, kRowsPerGroup)});
}

void GpuBackend::rmsnorm(View y, View rstd, View x, View w, double eps) {
  require_floats("rmsnorm", {&y, &rstd, &x, &w});
  NormArgs p = {};
  p.walk = walk_rows("rmsnorm", {{&p.y, y}, {&p.x, x}, {&p.rstd, rstd}});
  p.C = row_length(x);
  p.w = vector_of("rmsnorm", w, p.C);
  p.eps = static_cast<float>(eps);
  launch("rmsnorm", p, {groups_for(p.walk.count, kRowsPerGroup)});
}

void GpuBackend::layernorm_backward(Into dx, Into dw, Into db, View dy, View x, View w, View mean,
                                    View rstd) {
  require_floats("layernorm_backward", {&dx.view, &dw.view, &db.view, &dy, &x, &w, &mean, &rstd});
  if (dx.view.data) {
    NormBackwardArgs p = {};
    p.dx.add = dx.add;
    p.walk = walk_rows(
        "layernorm_backward",
        {{&p.dx.rows, dx.view}, {&p.dy, dy}, {&p.x, x}, {&p.mean, mean}, {&p.rstd, rstd}});
    p.C = row_length(x);
    p.w = vector_of("layernorm_backward", w, p.C);
    launch("layernorm_backward", p, {groups_for(p.walk.count, kRowsPerGroup)});
  }
  norm_weight("layernorm_backward", dw, db, dy, x, mean, rstd);
}

void GpuBackend::rmsnorm_backward(Into dx, Into dw, View dy, View x, View w, View rstd) {
  require_floats("rmsnorm_backward", {&dx.view, &dw.view, &dy, &x, &w, &rstd});
  if (dx.view.data) {
    NormBackwardArgs p = {};
    p.dx.add = dx.add;
    p.walk = walk_rows("rmsnorm_backward",
                       {{&p.dx.rows, dx.view}, {&p.dy, dy}, {&p.x, x}, {&p.rstd, rstd}});
    p.C = row_length(x);
    p.w = vector_of("rmsnorm_backward", w, p.C);
    launch("rmsnorm_backward", p, {groups_for(p.walk.count, kRowsPerGroup)});
  }
  norm_weight("rmsnorm_backward", dw, {}, dy, x, {}, rstd);
}

// dw and db, summed a segment of rows at a time and then over the segments.
void GpuBackend::norm_weight(const char* op, Into dw, Into db, View dy, View x, View mean,
                             View rstd) {
  if (!dw.view.data && !db.view.data) return;
  NormWeightArgs p = {};
  if (mean.data) p.walk = walk_rows(op, {{&p.dy, dy}, {&p.x, x}, {&p.mean, mean}, {&p.rstd, rstd}});
  else p.walk = walk_rows(op, {{&p.dy, dy}, {&p.x, x}, {&p.rstd, rstd}});
  p.C = row_length(x);
  p.segment = kSegmentRows;
  const uint segments = std::max(1u, groups_for(p.walk.count, kSegmentRows));
  Workspace of_dw(*this, dw.view.data ? std::size_t{segments} * p.C : 0),
      of_db(*this, db.view.data ? std::size_t{segments} * p.C : 0);
  p.dw = of_dw.data();
  p.db = of_db.data();
  launch("norm_weight", p, {groups_for(p.C, 32), segments});
  fold_segments(op, dw, p.dw, segments);
  fold_segments(op, db, p.db, segments);
}

}   // namespace glass
