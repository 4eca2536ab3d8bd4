// Starts the kernels of matmul_steps.h, and the two that they lead to.
#include "kernels/gpu/matmul_steps.h"

#include <stdexcept>

#include "kernels/gpu/device.h"
#include "kernels/gpu/kernel_list.h"
#include "kernels/gpu/operands.h"

namespace glass {
namespace gpu {

namespace {

struct Step {
  const char* kernel;
  uint rows, columns;   // of the result, that a group makes
};
constexpr Step kAll[kMatmulSteps] = {{"matmul_naive", 1, 256},
                                     {"matmul_shared", kSmallPiece, kSmallPiece},
                                     {"matmul", kPiece, kPiece},
                                     {"matmul_along_across", kGroupTile, kGroupTile}};

const Step& step_of(int step) {
  if (step < 1 || step > kMatmulSteps) throw std::out_of_range("matmul has steps 1 to 4");
  return kAll[step - 1];
}

Matrix rows_of(const View& v) {
  return {{v.data, static_cast<uint>(v.dtype), {}},
          static_cast<uint>(v.stride[0]),
          1,
          v.stride[0] % 8 == 0};
}

}   // namespace

const char* name_of_matmul_step(int step) { return step_of(step).kernel; }

void start_matmul_step(Device& device, int step, View c, View a, View b) {
  const Step& s = step_of(step);
  MatmulArgs p = {};
  p.batch.count = p.batch.rank = p.batch.size[0] = 1;
  p.M = static_cast<uint>(c.shape[0]);
  p.N = static_cast<uint>(c.shape[1]);
  p.K = static_cast<uint>(a.shape[1]);
  p.a = rows_of(a);
  p.b = rows_of(b);
  p.c = rows_of(c);
  p.segments = 1;
  p.segment = p.K;
  const Grid grid = s.rows == 1 ? Grid{groups_for(std::uint64_t{p.M} * p.N, s.columns)}
                                : Grid{groups_for(p.N, s.columns), groups_for(p.M, s.rows)};
  device.launch(*find_kernel(s.kernel), &p, grid);
}

}   // namespace gpu
}   // namespace glass
