// Starts the kernel of packed_linear.h.
#include "kernels/gpu/packed_linear.h"

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"

namespace glass {
using namespace gpu;

void GpuBackend::linear_packed(View y, View x, PackedWeight w, View bias) {
  const char* op = "linear_packed";
  require_floats(op, {&y, &x, &bias});
  require(y.rank == 2 && x.rank == 2 && x.shape[0] == y.shape[0] && x.shape[1] == w.K &&
              y.shape[1] == w.N,
          op, "shapes must be (M,N) and (M,K)");
  LinearPackedArgs p = {};
  p.M = static_cast<uint>(x.shape[0]);
  p.N = static_cast<uint>(w.N);
  p.K = static_cast<uint>(w.K);
  p.y = array_of(op, y);
  p.x = array_of(op, x);
  p.bias = array_of(op, bias);
  p.panels = reinterpret_cast<const uint*>(w.data);
  p.panel_words = static_cast<uint>(panel_bytes(w.type, w.K) / sizeof(uint));
  p.type = static_cast<uint>(w.type);
  launch("linear_packed", p, {groups_for(p.N, kPanel), groups_for(p.M, kPanelRows)});
}

}   // namespace glass
