// Starts the kernels of softmax.h.
#include "kernels/gpu/softmax.h"

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"

namespace glass {
using namespace gpu;

void GpuBackend::softmax(View y, View x) {
  require_floats("softmax", {&y, &x});
  SoftmaxArgs p = {};
  p.walk = walk_rows("softmax", {{&p.y, y}, {&p.x, x}});
  p.C = row_length(x);
  launch("softmax", p, {groups_for(p.walk.count, kRowsPerGroup)});
}

void GpuBackend::softmax_backward(Into dx, View dy, View y) {
  if (!dx.view.data) return;
  require_floats("softmax_backward", {&dx.view, &dy, &y});
  SoftmaxBackwardArgs p = {};
  p.dx.add = dx.add;
  p.walk = walk_rows("softmax_backward", {{&p.dx.rows, dx.view}, {&p.dy, dy}, {&p.y, y}});
  p.C = row_length(y);
  launch("softmax_backward", p, {groups_for(p.walk.count, kRowsPerGroup)});
}

}   // namespace glass
